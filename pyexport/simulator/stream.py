"""A model with states, one step after the other: what NAME_reset and NAME_step do on the device."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyexport.errors import UsageError
from pyexport.ir import Array, Graph
from pyexport.simulator.fast import FastSimulator


class Stream:
    """Keeps the state between steps; make several for several streams.

    `state` holds what is kept, in the device's integers, by the name of each member of
    NAME_state_t.
    """

    def __init__(self, graph: Graph, name: str = "the model") -> None:
        if not graph.states:
            raise UsageError(f"{name} keeps nothing between calls; export it with stream=True")
        self._graph = graph
        self._name = name
        self._simulator = FastSimulator(graph)
        self._memory = self._simulator.reset()

    @property
    def state(self) -> dict[str, Array]:
        """What the next step starts from, by the names that the header gives the members."""
        return {
            state.name: self._memory[state.read][0].astype(np.int64) for state in self._graph.states
        }

    def reset(self) -> None:
        """Start again, as NAME_reset does."""
        self._memory = self._simulator.reset()

    def step(self, inputs: npt.ArrayLike) -> Array:
        """Return the outputs (output size,), in the device's integers, of the next real inputs.

        They are rounded to the input's bytes and clamped, as NAME_quantize_input does.
        """
        source = self._graph.input
        row = np.asarray(inputs, dtype=np.float64)
        if row.size != source.size or not np.isfinite(row).all():
            raise UsageError(
                f"{self._name} takes {source.size} finite numbers a step, not {row.shape}"
            )
        assert source.quant is not None  # a graph with states is one of integers
        return self.step_bytes(source.quant.quantize(row.reshape(source.shape)))

    def step_bytes(self, row: npt.ArrayLike) -> Array:
        """Return the outputs of the next inputs, given in the device's integers."""
        outputs, self._memory = self._simulator.step(row, self._memory)
        return outputs
