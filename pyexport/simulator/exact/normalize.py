"""The definition of layer normalization."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from pyexport.fixedpoint import clamp, round_shift_right
from pyexport.simulator.exact.base import Evaluated, Layer, Values


@dataclass(frozen=True)
class NormalizeLayer(Layer):
    """Each row (last axis) less its mean, by its standard deviation."""

    down: int
    square: int
    epsilon: int


def normalize(layer: NormalizeLayer, x: Values) -> Evaluated:
    """Return the normalized rows, and the sum of squares of each."""
    (target,) = layer.outputs
    n = target.shape[-1]
    outputs: Values = []
    sums: Values = []
    for start in range(0, len(x), n):
        row = x[start : start + n]
        total = sum(row)
        deviations = [round_shift_right(n * value - total, layer.down) for value in row]
        squares = layer.epsilon + sum(d * d >> layer.square for d in deviations)
        # An even shift brings the sum to 31 or 32 bits, so that its root has 16.
        pairs = (32 - squares.bit_length()) // 2
        inverse = 2**31 // isqrt(squares << (2 * pairs))
        shift = 17 + (layer.square + 1) // 2 - pairs
        sums.append(squares)
        outputs += [
            clamp(round_shift_right(d * inverse, shift), target.low, target.high)
            for d in deviations
        ]
    return Evaluated((outputs,), sums)
