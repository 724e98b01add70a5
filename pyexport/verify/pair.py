"""A float model beside its export: both asked about the same inputs, on the grid of legal ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.gradients import without_softmax
from pyexport.ir import Array, FloatArray, Graph
from pyexport.reference import forward
from pyexport.rows import is_single, row_dtype
from pyexport.runners import Runner
from pyexport.sensor import sensor_limits
from pyexport.simulator.fast import FastSimulator, argmax

CHUNK_ROWS = 4096  # evaluated at once in float, so that a CNN's tensors fit in memory


@dataclass(frozen=True, eq=False)
class Pair:
    """The float graph that was exported, and the artifact. Rows are flat, in the device's order.

    A row is real (float64, in the input's unit) or of the device's integers; only legal integers
    go into the integer model.
    """

    graph: Graph
    artifact: Artifact

    def __post_init__(self) -> None:
        ports = len(self.graph.inputs), len(self.graph.outputs)
        if ports != (1, 1):
            raise UsageError(
                f"{self.artifact.name}: the model has {ports[0]} inputs and {ports[1]} outputs; "
                "inputs are sought for models of one of each"
            )
        if self.artifact.graph.states:
            raise UsageError(
                f"{self.artifact.name}: a model that keeps a state between inferences has no class "
                "of one input; take its export over whole sequences"
            )
        if not is_single(self.graph):
            raise UsageError(
                f"{self.artifact.name}: the model has {len(self.graph.inputs)} inputs and "
                f"{len(self.graph.outputs)} outputs; inputs are sought for models of one of each"
            )
        if self.graph.output.size < 2:
            raise UsageError(
                f"{self.artifact.name}: the model has one output; inputs are sought between "
                "classes, so take a model with an output for each"
            )

    @cached_property
    def simulator(self) -> FastSimulator:
        """The integer model."""
        return FastSimulator(self.artifact.graph)

    @cached_property
    def limits(self) -> tuple[FloatArray, FloatArray]:
        """Least and greatest legal real value of each input element, both (size,)."""
        low, high = (self.real(limit[None])[0] for limit in sensor_limits(self.artifact.graph))
        return np.minimum(low, high), np.maximum(low, high)

    @property
    def span(self) -> FloatArray:
        """How far each input element can move; 1 where it cannot."""
        low, high = self.limits
        return np.where(high > low, high - low, 1.0)

    @cached_property
    def step(self) -> FloatArray | None:
        """What one unit of each element's integer is worth, (size,); None in float32."""
        tensor = self.artifact.graph.input
        if tensor.quant is None:
            return None
        unit = np.abs(np.atleast_1d(np.asarray(tensor.quant.unit, dtype=np.float64)))
        return np.tile(unit, tensor.size // len(unit))

    @property
    def classes(self) -> int:
        """How many there are."""
        return self.graph.output.size

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each class: its number where the model tells none."""
        return self.artifact.labels or tuple(str(i) for i in range(self.classes))

    def integers(self, rows: FloatArray) -> Array:
        """Return the legal integers nearest to real rows."""
        tensor = self.artifact.graph.input
        if tensor.quant is None:
            return rows.astype(np.float32)
        shaped = rows.reshape(len(rows), *tensor.shape)
        q = tensor.quant.quantize(shaped).reshape(rows.shape)
        return self.legal(q).astype(row_dtype([tensor]))

    def legal(self, rows: Array) -> Array:
        """Return integer rows with every value moved into the limits."""
        low, high = sensor_limits(self.artifact.graph)
        return np.clip(rows, low, high)

    def real(self, rows: Array) -> FloatArray:
        """Return the real numbers that integers stand for."""
        tensor = self.artifact.graph.input
        if tensor.quant is None:
            return rows.astype(np.float64)
        shaped = rows.reshape(len(rows), *tensor.shape)
        return tensor.quant.dequantize(shaped).reshape(rows.shape)

    def float_outputs(self, rows: FloatArray) -> FloatArray:
        """Return the float model's outputs (n, classes) for real rows."""
        blocks = [
            forward(self.graph, rows[start : start + CHUNK_ROWS]).reshape(-1, self.classes)
            for start in range(0, len(rows), CHUNK_ROWS)
        ]
        return np.concatenate(blocks) if blocks else np.empty((0, self.classes))

    def float_classes(self, rows: FloatArray) -> Array:
        """Return the float model's class of each real row; without a last softmax, which rounds."""
        before = without_softmax(self.graph)
        blocks = [
            forward(before, rows[start : start + CHUNK_ROWS]).reshape(-1, self.classes)
            for start in range(0, len(rows), CHUNK_ROWS)
        ]
        return argmax(np.concatenate(blocks)) if blocks else np.empty(0, np.int64)

    def integer_outputs(self, rows: Array) -> FloatArray:
        """Return the integer model's outputs in the unit of the float model's."""
        outputs, quant = self.simulator.run(rows), self.artifact.graph.output.quant
        return outputs.astype(np.float64) if quant is None else quant.dequantize(outputs)

    def integer_classes(self, rows: Array) -> Array:
        """Return the class that the device gives each row of its integers."""
        return argmax(self.simulator.run(rows))


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What the three say about the same rows of the device's integers."""

    rows: Array
    float_classes: Array
    integer_classes: Array  # of the simulator
    firmware_classes: Array | None  # of the compiled header; None: not run
    wrong_rows: int = 0  # whose outputs differ between simulator and firmware: a bug

    def share(self, targets: Array, by: str) -> float:
        """Return the share of rows that "float", "integer" or "firmware" gives its target."""
        classes = getattr(self, f"{by}_classes")
        if classes is None or not len(classes):
            return float("nan")
        return float((classes == targets).mean())


def judge(pair: Pair, rows: Array, runner: Runner | None) -> Verdicts:
    """Return what float model, simulator and firmware say about rows of the device's integers."""
    outputs = pair.simulator.run(rows)
    firmware, wrong = None, 0
    if runner is not None:
        result = runner.run(np.ascontiguousarray(rows))
        firmware = argmax(result.outputs)
        wrong = int((result.outputs != outputs).any(axis=1).sum())
    return Verdicts(rows, pair.float_classes(pair.real(rows)), argmax(outputs), firmware, wrong)
