"""Interval arithmetic of float operators: what outputs can be for inputs in given ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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
    FloatArray,
    Gru,
    Identity,
    LayerNorm,
    Linear,
    LogSoftmax,
    Lstm,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Sub,
    Upsample2d,
)
from pyexport.reference.registry import RULES

Interval = tuple[FloatArray, FloatArray]  # least and greatest values, each (1, *shape)
IntervalRule = Callable[[Any, Sequence[Interval]], tuple[Interval, ...]]


def propagate(op: Op, inputs: Sequence[Interval]) -> tuple[Interval, ...] | None:
    """Return the intervals of an operator's outputs; None if no rule bounds it."""
    rule = _INTERVALS.get(type(op))
    return None if rule is None else rule(op, inputs)


def _forward(op: Op, *inputs: FloatArray) -> FloatArray:
    return RULES[type(op)].forward(op, inputs, True)[0]


def _rising(op: Op, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    """Bound an operator that grows with every input."""
    return ((_forward(op, *(x[0] for x in inputs)), _forward(op, *(x[1] for x in inputs))),)


def _linear(op: Linear, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    low, high = (end.reshape(-1) for end in inputs[0])
    weight, bias = op.weight.astype(np.float64), op.bias.astype(np.float64)
    positive, negative = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
    least = (positive * low + negative * high).sum(axis=1) + bias
    greatest = (positive * high + negative * low).sum(axis=1) + bias
    return ((np.clip(least, op.low, op.high)[None], np.clip(greatest, op.low, op.high)[None]),)


def _weighted(op: Conv2d | ConvTranspose2d, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    """Bound sums of products: positive weights take one end, negative weights the other."""
    ((low, high),) = inputs
    weight, zero = op.weight.astype(np.float64), np.zeros(len(op.bias))
    free: dict[str, Any] = {"bias": zero, "low": -np.inf, "high": np.inf}
    positive = replace(op, weight=np.maximum(weight, 0.0), **free)
    negative = replace(op, weight=np.minimum(weight, 0.0), **free)
    bias = op.bias.astype(np.float64)
    least = _forward(positive, low) + _forward(negative, high) + bias
    greatest = _forward(positive, high) + _forward(negative, low) + bias
    return ((np.clip(least, op.low, op.high), np.clip(greatest, op.low, op.high)),)


def _curve(op: Activation | PRelu, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    """Bound a curve that falls to one least point at most, and rises from there."""
    ((low, high),) = inputs
    turns = [0.0]
    if isinstance(op, Activation):
        grid = np.linspace(-8.0, 8.0, 16001)
        turns.append(float(grid[np.argmin(_forward(op, grid[None, :]))]))
    ends = [low, high, *(np.clip(turn, low, high) for turn in turns)]
    values = [_forward(op, end) for end in ends]
    return ((np.minimum.reduce(values), np.maximum.reduce(values)),)


def _affine(op: Affine, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    ends = [_forward(op, end) for end in inputs[0]]
    return ((np.minimum(*ends), np.maximum(*ends)),)


def _pair(op: Add | Sub | Mul, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    a, b = inputs
    values = [_forward(op, x, y) for x in a for y in b]
    return ((np.minimum.reduce(values), np.maximum.reduce(values)),)


def _constant(op: Constant, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    value = np.asarray(op.value, dtype=np.float64)[None]
    return ((value, value),)


def _softmax(op: Softmax, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    return ((np.zeros_like(inputs[0][0]), np.ones_like(inputs[0][0])),)


def _log_softmax(op: LogSoftmax, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    ((low, high),) = inputs
    n = low.shape[op.axis if op.axis < 0 else op.axis + 1]
    return ((low - high.max() - np.log(n), np.zeros_like(low)),)


def _layer_norm(op: LayerNorm, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    weight, bias = op.weight.astype(np.float64), op.bias.astype(np.float64)
    reach = np.abs(weight) * np.sqrt(max(op.weight.size - 1, 0))  # of a row with one outlier
    shape = np.zeros_like(inputs[0][0])
    return ((shape + bias - reach, shape + bias + reach),)


def _argmax(op: Argmax, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    x = inputs[0][0]
    index = _forward(op, x)
    return ((np.zeros_like(index), np.full_like(index, x.shape[op.axis + 1] - 1)),)


def _lstm(op: Lstm, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    (x, _), _, c = inputs
    steps = x.shape[1]
    hidden = np.ones((1, steps, op.size))
    cell = np.maximum(np.abs(c[0]), np.abs(c[1])) + steps  # each step adds less than one
    last = hidden[:, 0]
    return (-hidden, hidden), (-last, last), (-cell, cell)


def _gru(op: Gru, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    (x, _), h = inputs
    last = np.maximum(np.maximum(np.abs(h[0]), np.abs(h[1])), 1.0)  # a mean of it and a tanh
    hidden = np.repeat(last[:, None], x.shape[1], axis=1)
    return (-hidden, hidden), (-last, last)


_INTERVALS: dict[type[Op], IntervalRule] = {
    Linear: _linear,
    **dict.fromkeys((Conv2d, ConvTranspose2d), _weighted),
    **dict.fromkeys((MaxPool2d, AveragePool2d, Upsample2d, Reduce, Clamp), _rising),
    **dict.fromkeys((Permute, Concat, Pad, Slice, Reshape, Identity), _rising),
    **dict.fromkeys((Activation, PRelu), _curve),
    **dict.fromkeys((Add, Sub, Mul), _pair),
    Affine: _affine,
    Constant: _constant,
    Softmax: _softmax,
    LogSoftmax: _log_softmax,
    LayerNorm: _layer_norm,
    Argmax: _argmax,
    Lstm: _lstm,
    Gru: _gru,
}
