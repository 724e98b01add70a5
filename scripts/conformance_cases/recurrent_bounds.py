"""How far an integer LSTM or GRU may be from the real one: a recursion over its steps.

Intervals around the states go into each step and come out of it. They hold the real values and
those of the integers: a sum of gates is widened by half a step of every weight and by its rounding,
a curve by what its table is off, and a state by its own rounding and limits
(docs/arithmetic.md, "Recurrent layers").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pyexport.integer.recurrent import GATE_BITS, HIDDEN, QuantizedGru, QuantizedLstm, Recurrent
from pyexport.ir import Array, FloatArray, Gru, Lstm, QuantParams
from pyexport.quantize.intervals.interval import (
    Interval,
    around,
    hull,
    plus,
    times,
    weighted_sums,
)
from pyexport.reference.functions import sigmoid, tanh

GATE = 2.0**-GATE_BITS  # what one unit of a gate's sum is worth
HALF, SIXTEENTH = 0.5, 1 / 16
OWN_SHIFT = 2.0**-15  # relative: a multiplier of 15 bits
REACH = 32767 * GATE  # a curve sees no larger number
BIT = 2.0**-15  # of a curve's value
# A line between two entries 1/32 apart is off by 1/32**2 / 8 of the second derivative, an entry and
# the line by half a bit each, and the last entry of tanh by one more, as 1 has none.
SIGMOID = (2.0**-13 * 0.0963 / BIT + 1.0) * BIT
TANH = (2.0**-13 * 0.7699 / BIT + 2.0) * BIT

Curve = Callable[[FloatArray], FloatArray]


def lstm(
    op: Lstm, made: QuantizedLstm, inputs: Sequence[Interval], source: QuantParams
) -> tuple[Interval, ...]:
    """Return bounds of all h, the last h and the last c."""
    x, h, c = inputs
    step = 2.0**-made.cell_bits
    every = []
    for t in range(len(x.low)):
        gates = plus(
            _sums(op.weight_input, op.bias, Interval(x.low[t], x.high[t]), made, "x", source),
            _sums(op.weight_hidden, np.zeros_like(op.bias), h, made, "h", HIDDEN),
        )
        parts = [
            Interval(low, high)
            for low, high in zip(np.split(gates.low, 4), np.split(gates.high, 4), strict=True)
        ]
        i, f, o = (_curve(parts[k], sigmoid, SIGMOID) for k in (0, 1, 3))
        g = _curve(parts[2], tanh, TANH)
        kept = plus(times(f, c), times(i, g))
        c = _limited(_widened(kept, HALF * step + HALF * BIT * step), 32767 * step)
        h = times(o, _curve(c, tanh, TANH))
        h = _limited(_widened(h, HALF * HIDDEN.scale), 127 * HIDDEN.scale)
        every.append(h)
    return _stacked(every), h, c


def gru(
    op: Gru, made: QuantizedGru, inputs: Sequence[Interval], source: QuantParams
) -> tuple[Interval, ...]:
    """Return bounds of all h and of the last."""
    x, state = inputs
    n = op.size
    every = []
    for t in range(len(x.low)):
        h = _limited(_widened(state, HALF * HIDDEN.scale), 127 * HIDDEN.scale)
        a = _sums(op.weight_input, op.bias_input, Interval(x.low[t], x.high[t]), made, "x", source)
        b = _sums(op.weight_hidden, op.bias_hidden, h, made, "h", HIDDEN)
        both = plus(a, b)
        r = _curve(Interval(both.low[:n], both.high[:n]), sigmoid, SIGMOID)
        z = _curve(Interval(both.low[n : 2 * n], both.high[n : 2 * n]), sigmoid, SIGMOID)
        inner = plus(_limited(_last(a, n), REACH), times(r, _limited(_last(b, n), REACH)))
        m = _curve(_widened(inner, HALF * GATE), tanh, TANH)
        state = _widened(_mean(z, m, state), HALF * BIT + BIT)  # and the limit 32767
        every.append(_limited(_widened(state, HALF * HIDDEN.scale), 127 * HIDDEN.scale))
    return _stacked(every), every[-1]


def _sums(
    weight: Array, bias: Array, x: Interval, made: Recurrent, side: str, source: QuantParams
) -> Interval:
    """Return bounds of a sum of every row, in reals, behind its requantization."""
    exact = weighted_sums(weight, x, bias)
    multiplier, shift = getattr(made, f"multiplier_{side}"), getattr(made, f"shift_{side}")
    pre_shift = getattr(made, f"pre_shift_{side}")
    most = np.ldexp(multiplier + HALF, pre_shift - 16 - shift.astype(np.int64))  # it was rounded
    scale = most * GATE / source.scale  # at least what one unit of a weight is worth
    rounded = (x.largest.sum() + source.scale) * scale * HALF
    found = _widened(exact, rounded)
    multiplied = np.maximum(SIXTEENTH * GATE, found.largest * OWN_SHIFT)
    return _widened(found, HALF * GATE + multiplied)


def _curve(x: Interval, function: Curve, error: float) -> Interval:
    """Return bounds of a rising curve: of the real one, and of the table within its reach."""
    inside = x.clipped(-REACH, REACH)
    return hull(
        function(x.low), function(x.high),
        function(inside.low) - error, function(inside.high) + error,
    )  # fmt: skip


def _mean(z: Interval, m: Interval, state: Interval) -> Interval:
    """Return bounds of (1 - z) * m + z * state, which rises with m and state for z in 0..1."""
    low = np.minimum(*((1.0 - side) * m.low + side * state.low for side in (z.low, z.high)))
    high = np.maximum(*((1.0 - side) * m.high + side * state.high for side in (z.low, z.high)))
    return Interval(low, high)


def _limited(x: Interval, largest: float) -> Interval:
    """Return bounds of a value that the integers limit, and reals do not."""
    inside = x.clipped(-largest, largest)
    return hull(x.low, x.high, inside.low, inside.high)


def _widened(x: Interval, slack: FloatArray | float) -> Interval:
    return plus(x, around(np.broadcast_to(np.asarray(slack, dtype=np.float64), x.low.shape)))


def _last(gates: Interval, n: int) -> Interval:
    return Interval(gates.low[-n:], gates.high[-n:])


def _stacked(steps: Sequence[Interval]) -> Interval:
    return Interval(np.stack([s.low for s in steps]), np.stack([s.high for s in steps]))
