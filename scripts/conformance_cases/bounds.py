"""How far the integers may be from the reals, operator by operator: intervals, nothing tuned.

Around every tensor lies an interval that holds both the real value and what the integers compute:
the interval rule of the operator on the intervals of its inputs, widened by what quantized weights
change (half a step each) and by the rounding of the result (ROUNDINGS, in steps of the output).
docs/arithmetic.md has the terms, in "What an int8 output can differ from the real one".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pyexport.integer.conv import QuantizedConv2d, QuantizedConvTranspose2d
from pyexport.integer.elementwise import QuantizedAdd
from pyexport.integer.normalize import QuantizedNormalize
from pyexport.integer.recurrent import QuantizedGru, QuantizedLstm
from pyexport.integer.softmax import QuantizedLogSoftmax
from pyexport.integer.table import QuantizedPRelu
from pyexport.ir import (
    Activation,
    Add,
    Affine,
    Argmax,
    AveragePool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    FloatArray,
    Graph,
    Gru,
    LayerNorm,
    Linear,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Node,
    Op,
    Pad,
    Permute,
    PRelu,
    QuantizedLinear,
    QuantParams,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Sub,
    Upsample2d,
)
from pyexport.quantize.intervals.interval import Interval, hull
from pyexport.quantize.intervals.rules import INTERVAL_RULES
from pyexport.reference.registry import RULES as REFERENCE
from scripts.conformance_cases.normalize_bounds import layer_norm
from scripts.conformance_cases.recurrent_bounds import gru, lstm

Weighted = Linear | Conv2d | ConvTranspose2d
INTEGER_WEIGHTED = (QuantizedLinear, QuantizedConv2d, QuantizedConvTranspose2d)
HALF = 0.5  # a result is rounded once
END = 0.5  # a zero point is rounded, so that the range's end may lie half a step outside the codes
MULTIPLIER = 1 / 16
LOG = 1 / 512  # of the logarithm of a sum, in reals
REQUANTIZED = HALF + MULTIPLIER + END

# The most that a result may be off by, in steps of its scale, beside what its inputs were off by.
ROUNDINGS: dict[type[Op], float] = {
    **dict.fromkeys((Linear, Conv2d, ConvTranspose2d, AveragePool2d, Mul, MatMul), REQUANTIZED),
    Affine: REQUANTIZED + HALF,  # its shift is rounded, too
    **dict.fromkeys((Add, Sub, PRelu), HALF + END),  # and _of_multipliers
    Reduce: REQUANTIZED,  # a maximum less
    **dict.fromkeys((Activation, Constant), HALF + END),
    Clamp: HALF,  # its limits
    Concat: HALF + END,  # a table may bring an input to the common scale
    Pad: HALF + END + HALF,  # likewise, and the value
    **dict.fromkeys((MaxPool2d, Permute, Slice, Upsample2d, Reshape), 0.0),
    Softmax: 0.0,  # _of_softmax
    LogSoftmax: HALF + END,  # and _of_log_softmax
    Argmax: 0.0,
}


class NoBoundError(Exception):
    """An operator for which no bound is derived."""


def enclosures(graph: Graph, integer: Graph, rows: Mapping[str, FloatArray]) -> dict[str, Interval]:
    """Return an interval around every tensor of the float graph for one row of each input.

    It holds the real values and those that the integers stand for. Raises NoBoundError.
    """
    values: dict[str, Interval] = {}
    for name, row in rows.items():
        quant = _quant(integer, name)
        values[name] = hull(row, quant.dequantize(quant.quantize(row)))
    nodes = {node.name: node for node in integer.nodes}
    for node in graph.nodes:
        inputs = [values[source] for source in node.inputs]
        if isinstance(node.op, Constant) and node.name not in nodes:  # a first state of zeros
            found: tuple[Interval, ...] = (_exact(node.op, inputs),)
        elif isinstance(node.op, Lstm | Gru):
            found = _recurrent(node, nodes[node.name], inputs, integer)
        elif isinstance(node.op, LayerNorm):
            found = (_layer_norm(node, inputs[0], integer),)
        elif type(node.op) in ROUNDINGS and len(node.outputs) == 1:
            found = (_one_rounding(node, nodes.get(node.name), inputs, integer),)
        else:
            raise NoBoundError(f"no bound is derived for {node.op.kind}")
        values.update(zip(node.outputs, found, strict=True))
    return values


def _one_rounding(
    node: Node, made: Node | None, inputs: list[Interval], integer: Graph
) -> Interval:
    """Return the interval rule of an operator that rounds once, widened by that."""
    sources = [_quant(integer, source) for source in node.inputs]
    output = _quant(integer, node.outputs[0])
    slack = ROUNDINGS[type(node.op)] * output.scale + _extra(
        node, made, integer, inputs, sources, output
    )
    return _widened(_exact(node.op, inputs), slack)


def _layer_norm(node: Node, x: Interval, integer: Graph) -> Interval:
    """Return the bounds of a normalization and of the affine map behind it."""
    (made,) = (
        other.op
        for other in integer.nodes
        if isinstance(other.op, QuantizedNormalize) and other.name == f"{node.name}_normal"
    )
    assert isinstance(node.op, LayerNorm)  # the caller's
    found = layer_norm(node.op, made, x, _quant(integer, node.inputs[0]))
    # A weight whose product moves the result by less than 1/16 step is left out.
    steps = ROUNDINGS[Affine] + MULTIPLIER
    return _widened(found, steps * _quant(integer, node.outputs[0]).scale)


def _recurrent(
    node: Node, made: Node, inputs: list[Interval], integer: Graph
) -> tuple[Interval, ...]:
    source = _quant(integer, node.inputs[0])
    if isinstance(node.op, Lstm) and isinstance(made.op, QuantizedLstm):
        return lstm(node.op, made.op, inputs, source)
    assert isinstance(node.op, Gru) and isinstance(made.op, QuantizedGru)  # the caller's
    return gru(node.op, made.op, inputs, source)


def _widened(x: Interval, slack: FloatArray | float) -> Interval:
    return Interval(x.low - slack, x.high + slack)


def _quant(integer: Graph, name: str) -> QuantParams:
    quant = integer.tensor(name).quant
    if quant is None:
        raise NoBoundError(f"{name} is not quantized")
    return quant


def _exact(op: Op, inputs: list[Interval]) -> Interval:
    if isinstance(op, Softmax):
        return _softmax(op, inputs[0])
    if isinstance(op, Argmax):
        return _argmax(op, inputs[0])
    found = INTERVAL_RULES[type(op)](op, inputs)
    return found[0] if isinstance(found, tuple) else found


def _softmax(op: Softmax, x: Interval) -> Interval:
    """Return the bounds of each element: it rises with its own input, and falls with the others."""
    top = x.high.max(axis=op.axis, keepdims=True)
    least, most = np.exp(x.low - top), np.exp(x.high - top)
    sums = [side.sum(axis=op.axis, keepdims=True) for side in (least, most)]
    return Interval(least / (sums[1] - most + least), most / (sums[0] - least + most))


def _argmax(op: Argmax, x: Interval) -> Interval:
    """Return the least and the greatest index whose element may be the largest."""
    possible = x.high >= x.low.max(axis=op.axis, keepdims=True)
    count = possible.shape[op.axis]
    first = possible.argmax(axis=op.axis)
    last = count - 1 - np.flip(possible, op.axis).argmax(axis=op.axis)
    shape = op.output_shape(x.low.shape)
    return Interval(*(np.asarray(side, np.float64).reshape(shape) for side in (first, last)))


def _extra(
    node: Node,
    integer: Node | None,
    graph: Graph,
    inputs: list[Interval],
    sources: list[QuantParams],
    output: QuantParams,
) -> FloatArray | float:
    """Return what the numbers inside an operator add, in reals."""
    op, made = node.op, integer.op if integer is not None else None
    if isinstance(op, Weighted) and isinstance(made, INTEGER_WEIGHTED):
        return _of_weights(op, made.weight_scale, inputs[0], sources[0])
    if isinstance(made, QuantizedAdd):
        pairs = zip((made.multiplier_a, made.multiplier_b), sources, strict=True)
        return sum(_of_multipliers(abs(n), made.shift, s, output) for n, s in pairs)
    if isinstance(made, QuantizedPRelu):
        return output.scale * _reach(sources[0]) * 2.0 ** -(made.shift + 1)
    if isinstance(op, LogSoftmax):
        size = inputs[0].low.shape[op.axis]
        steps = _of_log_softmax(int(size), node.name, graph)
        return steps * output.scale + LOG + float(size + 1) * 2.0**-16
    if isinstance(op, Softmax):
        return _of_softmax(inputs[0].low.shape[op.axis]) * output.scale
    return 0.0


def _of_weights(
    op: Weighted, weight_scale: FloatArray, x: Interval, source: QuantParams
) -> FloatArray:
    """Return half a step of every weight times the largest input that it meets, and of the bias."""
    free: Mapping[str, Any] = {"low": -np.inf, "high": np.inf}
    ones = replace(op, weight=np.ones(op.weight.shape), bias=np.zeros(len(op.bias)), **free)
    sums = REFERENCE[type(op)].forward(ones, [x.largest[None]], True)[0][0]
    return np.asarray((sums + source.scale) * weight_scale / 2.0)


def _of_multipliers(number: int, shift: int, source: QuantParams, output: QuantParams) -> float:
    """Return what a rounded multiplier of 15 bits adds over all bytes of an operand."""
    exact = source.scale / output.scale
    return output.scale * _reach(source) * abs(number / 2.0**shift - exact)


def _reach(source: QuantParams) -> int:
    return max(source.zero_point - source.low, source.high - source.zero_point)


def _of_softmax(size: int) -> float:
    """Return the steps of an integer softmax: 255/256 for 1, rounding, and three tables' rounding.

    A term is rounded to half of 2**-15 of the largest, the sum by as much a term; normalizing and
    the reciprocal lose 2**-15 of the result together.
    """
    return 1.0 + HALF + 256.0 * ((size + 1) * 2.0**-16 + 2.0**-15)


def _of_log_softmax(size: int, name: str, graph: Graph) -> float:
    """Return the steps that the rounded numbers of an integer log-softmax add.

    255 steps of the input, an octave for each doubling of the sum, and one entry of a table: each
    is rounded to half of 2**-shift. It may stand between two permutations, under a longer name.
    """
    (op,) = (
        node.op
        for node in graph.nodes
        if isinstance(node.op, QuantizedLogSoftmax) and node.name.startswith(name)
    )
    octaves = int(np.ceil(np.log2(size))) + 1
    return float((255 + octaves + 1) * 2.0 ** -(op.shift + 1))
