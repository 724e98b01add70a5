"""How far an integer LayerNorm may be from the real one: its steps, one after the other.

Every line takes the interval so far, which holds the real value and the integers' one, through one
step of docs/arithmetic.md, "Layer normalization", and widens it by what the integers lose there.
"""

from __future__ import annotations

import numpy as np

from pyexport.integer.normalize import LIMIT, QuantizedNormalize, normalized_params
from pyexport.ir import LayerNorm, QuantParams
from pyexport.quantize.intervals.interval import Interval, around, plus, times

ROOT = 2.0**-15  # relative: 16 bits of the root, rounded down; likewise of the reciprocal
TINY = 1e-300  # of a layer without eps


def layer_norm(
    op: LayerNorm, made: QuantizedNormalize, x: Interval, source: QuantParams
) -> Interval:
    """Return bounds of weight * normalized + bias before the affine map rounds its result."""
    shape, n = x.low.shape, op.weight.size
    rows = Interval(x.low.reshape(-1, n), x.high.reshape(-1, n))
    deviations = _deviations(rows, n)
    normal = _normalized(op, made, deviations, source, n)
    scaled = times(normal, Interval(*(op.weight.reshape(n).astype(np.float64),) * 2))
    found = plus(scaled, Interval(*(op.bias.reshape(n).astype(np.float64),) * 2))
    return Interval(found.low.reshape(shape), found.high.reshape(shape))


def _deviations(x: Interval, n: int) -> Interval:
    """Return x less its mean: (n - 1) / n of its own value, 1 / n less of every other."""
    low, high = (side.sum(axis=1, keepdims=True) for side in (x.low, x.high))
    own = (n - 1) / n
    return Interval(
        own * x.low - (high - x.high) / n,
        own * x.high - (low - x.low) / n,
    )


def _normalized(
    op: LayerNorm, made: QuantizedNormalize, deviations: Interval, source: QuantParams, n: int
) -> Interval:
    unit = 2.0**made.down * source.scale / n  # of a deviation of the integers
    if made.down:
        deviations = plus(deviations, around(np.full_like(deviations.low, unit / 2.0)))
    ends = np.stack([deviations.low**2, deviations.high**2])
    crosses = (deviations.low < 0.0) & (deviations.high > 0.0)
    least = np.where(crosses, 0.0, ends.min(axis=0)).mean(axis=1, keepdims=True) + op.eps
    most = ends.max(axis=0).mean(axis=1, keepdims=True) + op.eps
    square = 2.0**made.square * unit**2 / n  # of the sum of squares, as a part of the variance
    rounded = made.epsilon * square - op.eps  # eps in whole units
    cut = n * square if made.square else 0.0  # each square is shifted down
    least, most = least + min(rounded, 0.0) - cut, most + max(rounded, 0.0)
    # The variance with eps is never below eps, the integers' sum never below their epsilon.
    least = np.maximum(least, max(min(op.eps, made.epsilon * square), TINY))
    normal = times(
        deviations,
        Interval((1.0 - ROOT) / np.sqrt(most), (1.0 + 2.0 * ROOT) / np.sqrt(least)),
    )
    step = normalized_params(made, n).scale
    normal = normal.clipped(-LIMIT * step, LIMIT * step)  # no real one passes sqrt(n - 1)
    return plus(normal, around(np.full_like(normal.low, step / 2.0)))
