"""The definition's twin in NumPy: the same bytes for many rows at once.

Integers are held in floats on purpose: a matrix product of integers is exact in float32 while every
partial sum stays below 2**24, and in float64 below 2**53, and BLAS has no integer product. Bounds
decide which. The test suite holds it equal to the definition.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyexport.errors import UnsupportedOperatorError
from pyexport.integer import BY_TYPE
from pyexport.ir import (
    Affine,
    Array,
    Graph,
    Linear,
    Node,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSums,
    QuantParams,
    Softmax,
    Tensor,
)
from pyexport.simulator import float32 as single
from pyexport.simulator.arrays import EVALUATORS, Evaluate

CHUNK_ROWS = 2048  # rows whose layers stay in the processor's cache

_NUMPY = {"u8": np.uint8, "s8": np.int8, "u16": np.uint16, "s16": np.int16, "f32": np.float32}

# (accumulators, outputs) of a block of rows, both as arrays of floats
LayerFunction = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Result:
    """Outputs (n, output size), and accumulators (n, all traced sums) in node order if traced."""

    outputs: Array
    accumulators: Array | None


class FastSimulator:
    """Evaluates one exported graph; make it once, run it on many rows."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
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
        outputs = np.empty((len(rows), self._graph.output.size), dtype=self.output_dtype)
        sums = []
        for start in range(0, len(rows), CHUNK_ROWS):
            block = slice(start, start + CHUNK_ROWS)
            values = {self._graph.input.name: self._as_float(rows[block])}
            block_sums = []
            for node, function in self._layers:
                with np.errstate(over="ignore", invalid="ignore"):  # a chip warns of none either
                    acc, results = function(*(values[name] for name in node.inputs))
                values.update(zip(node.outputs, results, strict=True))
                if trace and acc is not None:
                    block_sums.append(acc)
            outputs[block] = values[self._graph.output.name]
            if trace:
                sums.append(_side_by_side(block_sums, len(rows[block])))
        return Result(outputs, self._joined(sums) if trace else None)

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
    record = BY_TYPE.get(type(node.op))
    if record is not None:
        return record.trace_size(node.op, *_ports(node, graph))
    if isinstance(node.op, Softmax):
        return 1
    return graph.tensor(node.outputs[0]).size


def _ports(node: Node, graph: Graph) -> tuple[list[Tensor], list[Tensor]]:
    return [graph.tensor(n) for n in node.inputs], [graph.tensor(n) for n in node.outputs]


def _function(node: Node, graph: Graph) -> Evaluate:
    if type(node.op) in EVALUATORS:
        return EVALUATORS[type(node.op)](node.op, *_ports(node, graph))
    function = _layer_function(node, graph)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        acc, y = function(x)
        return acc, (y,)

    return run


def _layer_function(node: Node, graph: Graph) -> LayerFunction:
    op = node.op
    if isinstance(op, QuantizedLinear):
        return _quantized_linear(op, graph, node)
    if isinstance(op, QuantizedAffine):
        return _quantized_affine(op, graph, node)
    if isinstance(op, Linear):
        return _float_linear(op)
    if isinstance(op, Affine):
        return _float_affine(op, graph.tensor(node.inputs[0]).size)
    if isinstance(op, Softmax):
        return _float_softmax
    raise UnsupportedOperatorError(f"node {node.name}: the simulator cannot evaluate {op.kind}")


def _quantized_linear(op: QuantizedLinear, graph: Graph, node: Node) -> LayerFunction:
    source, target = graph.tensor(node.inputs[0]).quant, graph.tensor(node.outputs[0]).quant
    assert source is not None and target is not None  # integer operators have quantized tensors
    largest_input = max(abs(source.low), abs(source.high))
    absolute = np.abs(op.weight.astype(np.int64)).sum(axis=1) * largest_input
    largest_sum = int((absolute + np.abs(op.bias.astype(np.int64))).max(initial=0))
    dtype: Any = np.float32 if largest_sum < 2**24 else np.float64
    weight, bias = op.weight.T.astype(dtype), op.bias.astype(dtype)
    finish = _requantization(op, target)

    def run(x: Array) -> tuple[Array, Array]:
        acc = x.astype(dtype, copy=False) @ weight
        acc += bias
        return acc, finish(acc)

    return run


def _quantized_affine(op: QuantizedAffine, graph: Graph, node: Node) -> LayerFunction:
    target = graph.tensor(node.outputs[0]).quant
    assert target is not None  # integer operators have quantized tensors
    repeats = graph.tensor(node.inputs[0]).size // len(op.weight)
    weight = np.tile(op.weight.astype(np.float64), repeats)
    bias = np.tile(op.bias.astype(np.float64), repeats)
    finish = _requantization(op, target, repeats)

    def run(x: Array) -> tuple[Array, Array]:
        acc = x * weight + bias
        return acc, finish(acc)

    return run


def _requantization(
    op: QuantizedSums, target: QuantParams, repeats: int = 1
) -> Callable[[Array], Array]:
    # One rounding of acc * multiplier / 2**(16 + shift), and the product has at most 46 bits.
    factor = np.ldexp(op.multiplier.astype(np.float64), op.pre_shift - 16 - op.shift)
    factor = np.tile(factor, repeats)
    low, high = target.low - target.zero_point, target.high - target.zero_point
    zero_point = target.zero_point

    def finish(acc: Array) -> Array:
        y: Array = acc * factor
        y += 0.5
        np.floor(y, out=y)
        np.clip(y, low, high, out=y)
        y += zero_point
        return y

    return finish


def _float_linear(op: Linear) -> LayerFunction:
    weight, bias = op.weight.T.astype(np.float32), op.bias.astype(np.float32)
    low, high = np.float32(op.low), np.float32(op.high)

    def run(x: Array) -> tuple[Array, Array]:
        acc = np.repeat(bias[None, :], len(x), axis=0)
        for i, row in enumerate(weight):
            acc += x[:, i, None] * row  # two roundings, first to last: no fused multiply-add
        return acc, np.where(acc < low, low, np.where(acc > high, high, acc))

    return run


def _float_affine(op: Affine, size: int) -> LayerFunction:
    repeats = size // len(op.scale)
    scale = np.tile(op.scale.astype(np.float32), repeats)
    shift = np.tile(op.shift.astype(np.float32), repeats)
    low, high = np.float32(op.low), np.float32(op.high)

    def run(x: Array) -> tuple[Array, Array]:
        acc = x * scale
        acc += shift  # two roundings
        return acc, np.where(acc < low, low, np.where(acc > high, high, acc))

    return run


def _float_softmax(x: Array) -> tuple[Array, Array]:
    difference = x - x.max(axis=1, keepdims=True)
    terms = _exp_nonpositive(difference)
    total = np.zeros((len(x), 1), dtype=np.float32)
    for i in range(x.shape[1]):
        total += terms[:, i, None]
    return total, terms / total


def _exp_nonpositive(x: Array) -> npt.NDArray[np.float32]:
    """Return exp of float32 values <= 0 by the very operations of simulator/float32.py."""
    underflows = x < np.float32(single.EXP_UNDERFLOW)
    x = np.where(underflows, np.float32(0.0), x)
    n = np.trunc(x * np.float32(single.LOG2_E) - np.float32(0.5))
    r = x - n * np.float32(single.LN2_HIGH)
    r = r - n * np.float32(single.LN2_LOW)
    y = np.full_like(r, np.float32(single.EXP_COEFFICIENTS[0]))
    for coefficient in single.EXP_COEFFICIENTS[1:]:
        y = y * r + np.float32(coefficient)
    return np.where(underflows, np.float32(0.0), np.ldexp(y, n.astype(np.int32)))
