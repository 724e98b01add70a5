"""Intervals through functions of one element: their ends, and where they turn in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.ir import Activation, FloatArray, PRelu
from pyexport.quantize.intervals.interval import Interval, hull
from pyexport.reference.activation import apply

# Where a function that is not monotonic turns; between two such places it is.
TURNS: dict[str, float] = {
    "leaky_relu": 0.0,  # with a negative slope; the others likewise
    "elu": 0.0,
    "celu": 0.0,
    "abs": 0.0,
    "hardswish": -1.5,
    "silu": -1.2784645427610738,
    "mish": -1.1924312145154996,
    "gelu": -0.7517915246935645,
    "gelu_tanh": -0.7524614220710162,
}
ROUNDING = 2.0**-48  # of the function near its turn, relative


def activation(op: Activation, inputs: Sequence[Interval]) -> Interval:
    """Return the bounds of a function: those of its values at the ends and at the turn."""
    (x,) = inputs
    low, high = apply(op, x.low), apply(op, x.high)
    if op.function == "softplus":
        return hull(low, high, *_softplus_step(op, x))
    if op.function not in TURNS:
        return hull(low, high)
    turn = np.clip(TURNS[op.function], x.low, x.high)
    least = apply(op, turn)
    between = (turn > x.low) & (turn < x.high)
    slack = np.where(between, ROUNDING * np.abs(least), 0.0)
    return hull(low, high, least - slack, least + slack)


def _softplus_step(op: Activation, x: Interval) -> list[FloatArray]:
    """Return the values on both sides of the threshold, where softplus steps down to x."""
    beta, threshold = op.parameters
    place = np.clip(threshold / beta, x.low, x.high)
    curve = Activation("softplus", (beta, 1e300))
    crossed = (beta * x.low <= threshold) & (beta * x.high > threshold)
    return [np.where(crossed, value, x.high) for value in (apply(curve, place), place)]


def prelu(op: PRelu, inputs: Sequence[Interval]) -> Interval:
    """Return the bounds of a PReLU, whose slope may be negative."""
    (x,) = inputs
    values = (x.low, x.high, np.clip(0.0, x.low, x.high))
    return hull(*(_prelu(op, value) for value in values))


def _prelu(op: PRelu, x: FloatArray) -> FloatArray:
    return np.where(x >= 0.0, x, op.slope.astype(np.float64) * x)
