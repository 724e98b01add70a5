"""An interval for every element of a tensor, and arithmetic with such intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.ir import Array, FloatArray


@dataclass(frozen=True, eq=False)
class Interval:
    """Bounds of each element; both arrays have the tensor's shape, without a batch."""

    low: FloatArray
    high: FloatArray

    @property
    def largest(self) -> FloatArray:
        """Bounds of the magnitudes."""
        return np.maximum(-self.low, self.high)

    def clipped(self, low: float, high: float) -> Interval:
        """Return the bounds behind a clamp."""
        return Interval(np.clip(self.low, low, high), np.clip(self.high, low, high))


def hull(*values: FloatArray) -> Interval:
    """Return the smallest interval of each element that holds all these values."""
    return Interval(np.minimum.reduce(values), np.maximum.reduce(values))


def around(largest: FloatArray) -> Interval:
    """Return -largest..largest."""
    return Interval(-largest, largest)


def plus(a: Interval, b: Interval) -> Interval:
    """Return the bounds of a sum."""
    return Interval(a.low + b.low, a.high + b.high)


def times(a: Interval, b: Interval) -> Interval:
    """Return the bounds of a product."""
    return hull(a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)


def weighted_sums(weight: Array, x: Interval, bias: Array) -> Interval:
    """Return the bounds of weight @ x + bias; weight is (n_out, n_in), x flat."""
    w, b = weight.astype(np.float64), bias.astype(np.float64)
    positive, negative = np.maximum(w, 0.0), np.minimum(w, 0.0)
    return Interval(
        (positive * x.low + negative * x.high).sum(axis=1) + b,
        (positive * x.high + negative * x.low).sum(axis=1) + b,
    )
