"""The definition's twin in NumPy: the same bytes for many rows at once.

Integers are held in floats on purpose: a matrix product of integers is exact in float32 while every
partial sum stays below 2**24, and in float64 below 2**53, and BLAS has no integer product. Bounds
decide which. The test suite holds it equal to the definition.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyexport.errors import UnsupportedOperatorError
from pyexport.integer import BY_TYPE
from pyexport.ir import Array, Graph, Node, Tensor
from pyexport.simulator.arrays import EVALUATORS, Evaluate

CHUNK_ROWS = 2048  # rows whose layers stay in the processor's cache

_NUMPY = {"u8": np.uint8, "s8": np.int8, "u16": np.uint16, "s16": np.int16, "f32": np.float32}


@dataclass(frozen=True, eq=False)
class Result:
    """Outputs (n, output size), and accumulators (n, all traced sums) in node order if traced."""

    outputs: Array
    accumulators: Array | None


class FastSimulator:
    """Evaluates one exported graph; make it once, run it on many rows.

    Of a model with states, rows are steps in their order. They start from a reset, and `steps` says
    after how many there is another one; None: never.
    """

    def __init__(self, graph: Graph, steps: int | None = None) -> None:
        self._graph = graph
        self._steps = steps
        self._layers = [(node, _function(node, graph)) for node in graph.nodes]
        self.input_dtype = np.dtype(_NUMPY[graph.input.dtype])
        self.output_dtype = np.dtype(_NUMPY[graph.output.dtype])
        self._is_float = graph.input.quant is None

    def run(self, inputs: npt.ArrayLike) -> Array:
        """Return the outputs (n, output size) for rows (n, input size) of the input's dtype."""
        return self._evaluate(np.asarray(inputs), trace=False).outputs

    def trace(self, inputs: npt.ArrayLike) -> Result:
        """Return outputs and accumulators (n, sum of the traced sizes): int32, or float32."""
        return self._evaluate(np.asarray(inputs), trace=True)

    def _evaluate(self, inputs: Array, *, trace: bool) -> Result:
        rows = inputs.reshape(len(inputs), math.prod(inputs.shape[1:]))
        if rows.shape[1] != self._graph.input.size:
            raise ValueError(
                f"the model takes {self._graph.input.size} values, not {rows.shape[1]}"
            )
        if self._graph.states:
            return self._in_steps(rows, trace)
        outputs = np.empty((len(rows), self._graph.output.size), dtype=self.output_dtype)
        sums = []
        for start in range(0, len(rows), CHUNK_ROWS):
            block = slice(start, start + CHUNK_ROWS)
            values, block_sums = self._values(rows[block], {})
            outputs[block] = values[self._graph.output.name]
            if trace:
                sums.append(_side_by_side(block_sums, len(rows[block])))
        return Result(outputs, self._joined(sums) if trace else None)

    def _in_steps(self, rows: Array, trace: bool) -> Result:
        """Return what all sequences give, one step of every sequence at a time."""
        outputs = np.empty((len(rows), self._graph.output.size), dtype=self.output_dtype)
        width = sum(trace_sizes(self._graph)) if trace else 0
        sums = np.empty((len(rows), width), dtype=np.int32)
        steps = self._steps or max(len(rows), 1)
        memory = self.reset(-(-len(rows) // steps))
        for step in range(min(steps, len(rows))):
            same = rows[step::steps]  # the last sequence may be shorter
            memory = {name: kept[: len(same)] for name, kept in memory.items()}
            values, found = self._values(same, memory)
            memory = {state.read: values[state.write] for state in self._graph.states}
            outputs[step::steps] = values[self._graph.output.name]
            if trace:
                sums[step::steps] = _side_by_side(found, len(same))
        return Result(outputs, sums if trace else None)

    def reset(self, rows: int = 1) -> dict[str, Array]:
        """Return what the first step of each sequence starts from, by the tensor that reads it."""
        sizes = {s: self._graph.tensor(s.read).size for s in self._graph.states}
        return {s.read: np.full((rows, size), s.initial) for s, size in sizes.items()}

    def step(self, row: npt.ArrayLike, memory: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Return the outputs of one step (size,) and what the next one starts from."""
        values, _ = self._values(np.asarray(row).reshape(1, self._graph.input.size), memory)
        outputs = values[self._graph.output.name][0].astype(self.output_dtype)
        return outputs, {state.read: values[state.write] for state in self._graph.states}

    def _values(
        self, rows: Array, memory: dict[str, Array]
    ) -> tuple[dict[str, Array], list[Array]]:
        """Return every tensor of some rows by name, and the sums of the nodes that have some."""
        values = {self._graph.input.name: self._as_float(rows), **memory}
        sums = []
        for node, function in self._layers:
            with np.errstate(over="ignore", invalid="ignore"):  # a chip warns of none either
                acc, results = function(*(values[name] for name in node.inputs))
            values.update(zip(node.outputs, results, strict=True))
            if acc is not None:
                sums.append(acc)
        return values, sums

    def _as_float(self, rows: Array) -> Array:
        quant = self._graph.input.quant
        if quant is not None and len(rows) and (rows.min() < quant.low or rows.max() > quant.high):
            raise ValueError(f"an input is outside {quant.low}..{quant.high}")
        return rows.astype(np.float32)

    def _joined(self, sums: list[Array]) -> Array:
        dtype = np.float32 if self._is_float else np.int32
        if not sums:
            return np.empty((0, sum(trace_sizes(self._graph))), dtype=dtype)
        return np.concatenate(sums).astype(dtype)


def _side_by_side(sums: list[Array], rows: int) -> Array:
    return np.concatenate(sums, axis=1) if sums else np.empty((rows, 0))


def argmax(outputs: Array) -> Array:
    """Return the index of the largest output of each row; the lowest index wins a tie."""
    classes: Array = np.argmax(outputs, axis=1)
    return classes


def trace_sizes(graph: Graph) -> tuple[int, ...]:
    """Return how many accumulators each node records, 0 for one that adds nothing up."""
    return tuple(_trace_size(node, graph) for node in graph.nodes)


def _trace_size(node: Node, graph: Graph) -> int:
    return BY_TYPE[type(node.op)].trace_size(node.op, *_ports(node, graph))


def _ports(node: Node, graph: Graph) -> tuple[list[Tensor], list[Tensor]]:
    return [graph.tensor(n) for n in node.inputs], [graph.tensor(n) for n in node.outputs]


def _function(node: Node, graph: Graph) -> Evaluate:
    if type(node.op) not in EVALUATORS:
        raise UnsupportedOperatorError(
            f"node {node.name}: the simulator cannot evaluate {node.op.kind}"
        )
    return EVALUATORS[type(node.op)](node.op, *_ports(node, graph))
