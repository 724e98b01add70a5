"""What the reference knows of one operator, and sums in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyexport.ir import FloatArray

Arrays = Sequence[FloatArray]  # each (n, *shape)


@dataclass(frozen=True)
class Rule:
    """How an operator is computed, and how gradients go through it.

    forward(op, inputs, fixed_order) returns the outputs. backward(op, inputs, outputs, gradients)
    returns the gradient on each input from those on each output. All arrays have the batch first.
    """

    forward: Callable[[Any, Arrays, bool], Arrays]
    backward: Callable[[Any, Arrays, Arrays, Arrays], Arrays]


def passed(gradient: FloatArray, y: FloatArray, low: float, high: float) -> FloatArray:
    """Return the gradient before a clamp from the one behind it: 0 where y is a limit."""
    if low == -np.inf and high == np.inf:
        return gradient
    if high == np.inf:
        return np.asarray(gradient * (y > low))
    return np.asarray(gradient * ((y > low) & (y < high)))


def clamped(y: FloatArray, low: float, high: float) -> FloatArray:
    """Return y, whose values are changed, within the limits."""
    if low > -np.inf:
        np.maximum(y, low, out=y)
    if high < np.inf:
        np.minimum(y, high, out=y)
    return y


def ordered_product(x: FloatArray, weight: FloatArray, bias: FloatArray) -> FloatArray:
    """Return x @ weight.T + bias, each sum started at the bias and taken in input order."""
    total = np.repeat(bias[None, :], len(x), axis=0)
    for i in range(x.shape[1]):
        total += x[:, i, None] * weight[:, i]
    return total


def product(x: FloatArray, weight: FloatArray, bias: FloatArray, fixed_order: bool) -> FloatArray:
    """Return x @ weight.T + bias for x (n, n_in), weight (n_out, n_in), bias (n_out,)."""
    if fixed_order:
        return ordered_product(x, weight, bias)
    return np.asarray(x @ weight.T + bias)


def ordered_sum(x: FloatArray, axes: Iterable[int]) -> FloatArray:
    """Return the sum over some axes of x (counted with the batch), first to last, axes kept."""
    axes = tuple(axes)
    rest = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
    moved = np.moveaxis(x, axes, range(len(axes))).reshape(-1, *rest)
    total = moved[0].copy()
    for term in moved[1:]:
        total += term
    return np.asarray(total.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]))
