"""Intervals of recurrent layers that hold for any number of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.ir import FloatArray, Gru, Lstm
from pyexport.quantize.intervals.interval import (
    Interval,
    around,
    hull,
    plus,
    times,
    weighted_sums,
)
from pyexport.reference.functions import sigmoid, tanh


def lstm(op: Lstm, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return the bounds of all h, the last h and the last c.

    Every h is in -1..1. With f at most F < 1 and i * g at most m in magnitude, c stays within
    max(|c at the start|, m / (1 - F)), however many steps there are.
    """
    x, h, c = inputs
    gates = plus(
        weighted_sums(op.weight_input, _any_step(x), op.bias),
        weighted_sums(op.weight_hidden, _with_unit(h), np.zeros(len(op.bias))),
    )
    i, f, g, o = _parts(gates, (sigmoid, sigmoid, tanh, sigmoid))
    gained = times(i, g).largest
    steps = len(x.low)
    with np.errstate(divide="ignore"):
        settled = np.maximum(c.largest, gained / (1.0 - f.high))
    cell = around(np.minimum(settled, c.largest + steps * gained))
    hidden = times(o, Interval(tanh(cell.low), tanh(cell.high)))
    return _all_steps(hidden, steps), hidden, cell


def gru(op: Gru, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return the bounds of all h and of the last: a mixture of the first and of tanh values."""
    x, h = inputs
    size = op.size
    a = weighted_sums(op.weight_input, _any_step(x), op.bias_input)
    b = weighted_sums(op.weight_hidden, _with_unit(h), op.bias_hidden)
    both = plus(a, b)
    r = Interval(sigmoid(both.low[:size]), sigmoid(both.high[:size]))
    inner = plus(_last(a, size), times(r, _last(b, size)))
    m = Interval(tanh(inner.low), tanh(inner.high))
    hidden = hull(h.low, h.high, m.low, m.high)
    return _all_steps(hidden, len(x.low)), hidden


def _any_step(x: Interval) -> Interval:
    """Return bounds (n_in,) of the input of every step."""
    return Interval(x.low.min(axis=0), x.high.max(axis=0))


def _with_unit(h: Interval) -> Interval:
    """Return bounds of the state before any step: what it starts with, or a tanh."""
    return hull(h.low, h.high, np.ones_like(h.low), -np.ones_like(h.low))


def _all_steps(hidden: Interval, steps: int) -> Interval:
    shape = (steps, len(hidden.low))
    return Interval(np.broadcast_to(hidden.low, shape), np.broadcast_to(hidden.high, shape))


def _last(gates: Interval, size: int) -> Interval:
    return Interval(gates.low[-size:], gates.high[-size:])


def _parts(gates: Interval, functions: Sequence[object]) -> list[Interval]:
    """Return each gate's rows behind its function, all of which rise."""
    lows, highs = (np.split(side, len(functions)) for side in (gates.low, gates.high))
    return [
        Interval(_apply(function, low), _apply(function, high))
        for function, low, high in zip(functions, lows, highs, strict=True)
    ]


def _apply(function: object, x: FloatArray) -> FloatArray:
    assert callable(function)
    return np.asarray(function(x))
