"""The definition's twin in NumPy: the same bytes for many rows at once.

Integers are held in floats on purpose: a matrix product of integers is exact in float32 while every
partial sum stays below 2**24, and in float64 below 2**53, and BLAS has no integer product. Bounds
decide which. The test suite holds it equal to the definition.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyexport.digits import Digits
from pyexport.errors import UnsupportedOperatorError
from pyexport.integer import BY_TYPE
from pyexport.integer.spiking import SPIKES
from pyexport.ir import Array, Graph, Node, Tensor
from pyexport.rows import (
    illegal_value,
    input_tensors,
    join_rows,
    output_tensors,
    row_dtype,
    row_size,
    row_slices,
)
from pyexport.simulator.arrays import EVALUATORS, Evaluate
from pyexport.simulator.reads import as_digits, hidden_values, reads_of, summed_digits, taken_off

CHUNK_ROWS = 2048  # rows that are computed together,
CHUNK_VALUES = 1 << 18  # fewer where a tensor is large: a layer stays in the processor's cache


@dataclass(frozen=True, eq=False)
class Result:
    """Outputs (n, row size), and accumulators (n, all traced sums) in node order if traced."""

    outputs: Array
    accumulators: Array | None


class FastSimulator:
    """Evaluates one exported graph; make it once, run it on many rows.

    A row holds the values of all inputs, or of all outputs, side by side (rows.py). Of a model with
    states, rows are steps in their order. They start from a reset, and `steps` says after how many
    there is another one; None: never.
    """

    def __init__(self, graph: Graph, steps: int | None = None) -> None:
        self.graph = graph
        self._steps = steps
        self._layers = [(node, _function(node, graph)) for node in graph.nodes]
        self._inputs = input_tensors(graph)
        self.input_dtype = row_dtype(self._inputs)
        self.output_dtype = row_dtype(output_tensors(graph))
        self._is_float = self._inputs[0].quant is None
        largest = max(tensor.size for tensor in graph.tensors)
        self._chunk = max(1, min(CHUNK_ROWS, CHUNK_VALUES // largest))

    def run(self, inputs: npt.ArrayLike) -> Array:
        """Return the outputs (n, row size) for rows (n, row size) of input_dtype."""
        return self._evaluate(np.asarray(inputs), trace=False).outputs

    def trace(self, inputs: npt.ArrayLike) -> Result:
        """Return outputs and accumulators (n, sum of the traced sizes): int32, or float32."""
        return self._evaluate(np.asarray(inputs), trace=True)

    def _evaluate(self, inputs: Array, *, trace: bool) -> Result:
        rows = join_rows([inputs])
        self._check_width(rows.shape[1])
        if self.graph.states:
            return self._in_steps(rows, trace)
        outputs = self._empty(len(rows))
        sums = self._empty_sums(len(rows)) if trace else None
        for start in range(0, len(rows), self._chunk):
            block = slice(start, start + self._chunk)
            values, block_sums = self._values(rows[block], {})
            outputs[block] = join_rows([values[name] for name in self.graph.outputs])
            if sums is not None:
                _fill(sums[block], block_sums)
        return Result(outputs, sums)

    def densities(self, inputs: npt.ArrayLike) -> dict[str, float]:
        """Return for every node what share of its first input is not 0; {} of a stream.

        Of a convolution a value counts as often as windows read it, so edges count less. Where
        all taps meet padding the share is 0.
        """
        if self.graph.states or not len(np.asarray(inputs)):
            return {}
        nodes = [node for node in self.graph.nodes if node.inputs]
        weights = {node.name: reads_of(node, self.graph) for node in nodes}
        found, rows = dict.fromkeys(weights, 0.0), 0
        for values in self.tensors(inputs):
            rows += len(values[nodes[0].inputs[0]]) if nodes else 0
            for node in nodes:
                counts = np.count_nonzero(values[node.inputs[0]], axis=0)
                found[node.name] += float(counts @ weights[node.name])
        read = {name: rows * float(weights[name].sum()) for name in found}
        return {name: n / read[name] if read[name] else 0.0 for name, n in found.items()}

    def digits(self, inputs: npt.ArrayLike) -> dict[str, tuple[Digits, Digits]]:
        """Return for every node the digits of what it multiplies, and of the hidden values.

        Means over all values, each as often as it is read; hidden values are those that a
        recurrent node reads again, 0 of any other node. {} of a stream.
        """
        if self.graph.states or self._is_float or not len(np.asarray(inputs)):
            return {}
        nodes = [node for node in self.graph.nodes if node.inputs]
        weights = {node.name: reads_of(node, self.graph) for node in nodes}
        again = {node.name: hidden_values(node, *_ports(node, self.graph)) for node in nodes}
        found: dict[str, list[Array]] = {name: [] for name in weights}
        for values in self.tensors(inputs):
            for node in nodes:
                read = values[node.inputs[0]].astype(np.int64) - taken_off(node, self.graph)
                hidden = again[node.name](*(values[name] for name in node.inputs))
                found[node.name].append(
                    np.stack([summed_digits(read, weights[node.name]), summed_digits(hidden, 1.0)])
                )
        totals = {name: np.sum(sums, axis=0) for name, sums in found.items()}
        return {
            name: (as_digits(read), as_digits(hidden)) for name, (read, hidden) in totals.items()
        }

    def firing(self, inputs: npt.ArrayLike) -> dict[str, Array]:
        """Return for every tensor of spikes how often each is there, (steps, n); {} of a stream."""
        spikes = [t for t in self.graph.tensors if t.quant == SPIKES and len(t.shape) == 2]
        rows = len(np.asarray(inputs))
        if self.graph.states or not rows or not spikes:
            return {}
        found = {tensor.name: np.zeros(tensor.size) for tensor in spikes}
        for values in self.tensors(inputs):
            for name, sums in found.items():
                sums += np.count_nonzero(values[name], axis=0)
        return {t.name: found[t.name].reshape(t.shape) / rows for t in spikes}

    def tensors(self, inputs: npt.ArrayLike) -> Iterator[dict[str, Array]]:
        """Return every tensor (rows, size) by name, block of rows by block; of no stream."""
        rows = join_rows([np.asarray(inputs)])
        self._check_width(rows.shape[1])
        for start in range(0, len(rows), self._chunk):
            yield self._values(rows[start : start + self._chunk], {})[0]

    def counts(self, inputs: npt.ArrayLike) -> dict[str, Array]:
        """Return for every tensor how many values of each row are not 0, (n,); of no stream."""
        parts: dict[str, list[Array]] = {}
        for values in self.tensors(inputs):
            for name, found in values.items():
                parts.setdefault(name, []).append(np.count_nonzero(found, axis=1))
        return {name: np.concatenate(found) for name, found in parts.items()}

    def values(self, inputs: npt.ArrayLike) -> tuple[dict[str, Array], list[Array]]:
        """Return every tensor by name for rows of a model without states, and the sums of nodes."""
        return self._values(join_rows([np.asarray(inputs)]), {})

    def _check_width(self, width: int) -> None:
        size = row_size(self._inputs)
        if width != size:
            raise ValueError(f"the model takes {size} values, not {width}")

    def _empty(self, rows: int) -> Array:
        return np.empty((rows, row_size(output_tensors(self.graph))), dtype=self.output_dtype)

    def _in_steps(self, rows: Array, trace: bool) -> Result:
        """Return what all sequences give, one step of every sequence at a time."""
        outputs = self._empty(len(rows))
        sums = self._empty_sums(len(rows)) if trace else None
        steps = self._steps or max(len(rows), 1)
        memory = self.reset(-(-len(rows) // steps))
        for step in range(min(steps, len(rows))):
            same = rows[step::steps]  # the last sequence may be shorter
            memory = {name: kept[: len(same)] for name, kept in memory.items()}
            values, found = self._values(same, memory)
            memory = {state.read: values[state.write] for state in self.graph.states}
            outputs[step::steps] = join_rows([values[name] for name in self.graph.outputs])
            if sums is not None:
                _fill(sums[step::steps], found)
        return Result(outputs, sums)

    def reset(self, rows: int = 1) -> dict[str, Array]:
        """Return what the first step of each sequence starts from, by the tensor that reads it."""
        sizes = {s: self.graph.tensor(s.read).size for s in self.graph.states}
        return {s.read: np.full((rows, size), s.initial) for s, size in sizes.items()}

    def step(self, row: npt.ArrayLike, memory: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Return the outputs of one step (row size,) and what the next one starts from."""
        values, _ = self._values(np.asarray(row).reshape(1, row_size(self._inputs)), memory)
        given = join_rows([values[name] for name in self.graph.outputs])
        kept = {state.read: values[state.write] for state in self.graph.states}
        return given[0].astype(self.output_dtype), kept

    def _values(
        self, rows: Array, memory: dict[str, Array]
    ) -> tuple[dict[str, Array], list[Array]]:
        """Return every tensor of some rows by name, and the sums of the nodes that have some."""
        values = {**self._as_floats(rows), **memory}
        sums = []
        for node, function in self._layers:
            with np.errstate(over="ignore", invalid="ignore"):  # a chip warns of none either
                acc, results = function(*(values[name] for name in node.inputs))
            if not node.inputs:  # stored values are the same in every row
                results = tuple(np.broadcast_to(r, (len(rows), r.shape[1])) for r in results)
            values.update(zip(node.outputs, results, strict=True))
            if acc is not None:
                sums.append(acc)
        return values, sums

    def _as_floats(self, rows: Array) -> dict[str, Array]:
        problem = illegal_value(rows, self._inputs)
        if problem:
            raise ValueError(problem)
        floats = rows.astype(np.float32)
        slices = row_slices(self._inputs)
        return {t.name: floats[:, part] for t, part in zip(self._inputs, slices, strict=True)}

    def _empty_sums(self, rows: int) -> Array:
        dtype = np.float32 if self._is_float else np.int32
        return np.empty((rows, sum(trace_sizes(self.graph))), dtype=dtype)


def _fill(rows: Array, sums: list[Array]) -> None:
    """Write the sums of some nodes side by side into rows of the trace."""
    start = 0
    for found in sums:
        rows[:, start : start + found.shape[1]] = found
        start += found.shape[1]
    assert start == rows.shape[1], f"{start} sums instead of {rows.shape[1]}"


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
