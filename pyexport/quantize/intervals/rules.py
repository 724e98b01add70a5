"""The interval rule of every float operator."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

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
    Encode,
    Gru,
    Identity,
    LayerNorm,
    Lif,
    Linear,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Permute,
    PRelu,
    Readout,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Sub,
    Upsample2d,
)
from pyexport.quantize.intervals import curves, layers, recurrent, spiking
from pyexport.quantize.intervals.interval import Interval, around, times
from pyexport.reference.functions import exp, log
from pyexport.reference.registry import RULES as REFERENCE

Intervals = Sequence[Interval]
# Returns the bounds of every output, or of the only one.
IntervalRule = Callable[[Any, Intervals], Interval | tuple[Interval, ...]]


def _rising(op: Op, inputs: Intervals) -> tuple[Interval, ...]:
    """Return the bounds of an operator that rises with every input: those of its bounds."""
    rule = REFERENCE[type(op)]
    lows = rule.forward(op, [x.low[None] for x in inputs], True)
    highs = rule.forward(op, [x.high[None] for x in inputs], True)
    return tuple(Interval(low[0], high[0]) for low, high in zip(lows, highs, strict=True))


def _sub(op: Sub, inputs: Intervals) -> Interval:
    a, b = inputs
    return Interval(a.low - b.high, a.high - b.low).clipped(op.low, op.high)


def _mul(op: Mul, inputs: Intervals) -> Interval:
    return times(*inputs).clipped(op.low, op.high)


def _constant(op: Constant, _inputs: Intervals) -> Interval:
    value = op.value.astype(np.float64)
    return Interval(value, value)


def _softmax(_op: Softmax, inputs: Intervals) -> Interval:
    return Interval(np.zeros_like(inputs[0].low), np.ones_like(inputs[0].high))


def _log_softmax(op: LogSoftmax, inputs: Intervals) -> Interval:
    """Return x - log(sum(exp)) with the sum at its other extreme; never above 0."""
    (x,) = inputs
    most, least = (_log_sum(side, op.axis) for side in (x.high, x.low))
    return Interval(x.low - most, np.minimum(x.high - least, 0.0))


def _log_sum(x: np.typing.NDArray[np.float64], axis: int) -> np.typing.NDArray[np.float64]:
    top = x.max(axis=axis, keepdims=True)
    return np.asarray(top + log(exp(x - top).sum(axis=axis, keepdims=True)))


def _layer_norm(op: LayerNorm, inputs: Intervals) -> Interval:
    """Return the bounds of a normalized value: sqrt(n - 1) deviations, whatever the input."""
    largest = math.sqrt(max(math.prod(op.weight.shape) - 1, 0))
    reach = around(np.abs(op.weight.astype(np.float64)) * largest)
    bias, shape = op.bias.astype(np.float64), inputs[0].low.shape
    return Interval(
        np.broadcast_to(reach.low + bias, shape), np.broadcast_to(reach.high + bias, shape)
    )


def _argmax(op: Argmax, inputs: Intervals) -> Interval:
    shape = op.output_shape(inputs[0].low.shape)
    last = float(inputs[0].low.shape[op.axis] - 1)
    return Interval(np.zeros(shape), np.full(shape, last))


INTERVAL_RULES: dict[type[Op], IntervalRule] = {
    Linear: layers.linear,
    MatMul: layers.matmul,
    Conv2d: layers.convolution,
    ConvTranspose2d: layers.convolution,
    Affine: layers.affine,
    Activation: curves.activation,
    PRelu: curves.prelu,
    Sub: _sub,
    Mul: _mul,
    Constant: _constant,
    Softmax: _softmax,
    LogSoftmax: _log_softmax,
    LayerNorm: _layer_norm,
    Argmax: _argmax,
    Lstm: recurrent.lstm,
    Gru: recurrent.gru,
    Encode: spiking.encode,
    Lif: spiking.lif,
    **dict.fromkeys(
        (
            Add, AveragePool2d, Clamp, Concat, Identity, MaxPool2d, Pad, Permute, Readout, Reduce,
            Reshape, Slice, Upsample2d,
        ),
        _rising,
    ),
}  # fmt: skip
