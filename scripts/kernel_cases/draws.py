"""Draws what integer operators store: weights, biases at the ends of the proof, scalings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import numpy as np

from pyexport.fixedpoint import INT32_MAX, INT32_MIN, MAX_SHIFT, MULTIPLIER_BITS
from pyexport.ir import Array
from scripts.kernel_cases.bench import generator

MAX_MULTIPLIER = (1 << MULTIPLIER_BITS) - 1
ROW_KINDS = ("random", "random", "random", "zero", "high", "low", "ends", "small", "one")
MAX_PRE_SHIFT = 12


@dataclass(frozen=True, eq=False)
class Scaling:
    """Multipliers and shifts of q15x, one an output, and the shift before them."""

    multiplier: Array  # (n,), int32
    shift: Array  # (n,), int32
    pre_shift: int


def weights(random: Random, rows: int, size: int) -> Array:
    """Return (rows, size) weights: random, all zero, all at an end, alternating, one alone."""
    source = generator(random)
    drawn = np.zeros((rows, size), np.int8)
    for row in drawn:
        kind = random.choice(ROW_KINDS)
        if kind == "random":
            row[:] = source.integers(-127, 128, size)
        elif kind == "ends":
            row[:] = source.choice([-127, 127], size)
        elif kind == "small":
            row[:] = source.integers(-2, 3, size)
        elif kind == "one":
            row[random.randrange(size)] = random.choice([-127, -1, 1, 127])
        else:
            row[:] = {"zero": 0, "high": 127, "low": -127}[kind]
    return drawn


def pre_shift(random: Random, reach: int) -> int:
    """Return a left shift after which sums that span `reach` have room for some bias."""
    most = 0
    while most < MAX_PRE_SHIFT and reach << (most + 1) < 1 << 30:
        most += 1
    return random.choice([0, 0, most, random.randint(0, most)])


def biases(random: Random, low: Array, high: Array, shift: int, more: Array | int = 0) -> Array:
    """Return a bias for each sum that without it lies in low..high, often as far out as is proved.

    shift: the left shift after which the sum must still fit 32 bits. more: (n,), what partial sums
    may be beside low..high.
    """
    least = np.maximum((INT32_MIN >> shift) - low, INT32_MIN + more)
    greatest = np.minimum((INT32_MAX >> shift) - high, INT32_MAX - more)
    drawn = []
    for bottom, top, a, b in zip(least, greatest, low, high, strict=True):
        kind = random.choice(["centre", "centre", "zero", "bottom", "top", "any"])
        wanted = {
            "centre": -(int(a) + int(b)) // 2,
            "zero": 0,
            "bottom": int(bottom),
            "top": int(top),
        }.get(kind)
        if wanted is None:
            wanted = random.randint(int(bottom), int(top))
        drawn.append(min(max(wanted, int(bottom)), int(top)))
    return np.array(drawn, dtype=np.int32)


def scaling(random: Random, low: Array, high: Array, shift: int, *, one_shift: bool) -> Scaling:
    """Return a scaling of sums in low..high: most bring them to about a byte, some are wild.

    shift: the left shift of the sums. Not one_shift asks for at least two shifts if there are two
    sums.
    """
    largest = np.maximum(np.maximum(abs(low), abs(high)), 1).astype(np.float64)
    ratios = [random.choice([0.3, 0.6, 1.0, 1.7]) * 200.0 / n / 2.0**shift for n in largest]
    shifts = [_shift(ratio) for ratio in ratios]
    if random.random() < 0.2:
        shifts = [random.choice([1, 2, MAX_SHIFT - 1, MAX_SHIFT]) for _ in shifts]
    if one_shift:
        shifts = [min(shifts)] * len(shifts)
    elif len(set(shifts)) == 1 < len(shifts):
        shifts[random.randrange(len(shifts))] = shifts[0] - 1 if shifts[0] > 1 else 2
    multipliers = [
        min(int(ratio * 2.0 ** (16 + s) + 0.5), MAX_MULTIPLIER)
        for ratio, s in zip(ratios, shifts, strict=True)
    ]
    for place in range(len(multipliers)):
        if random.random() < 0.15:
            multipliers[place] = random.choice([0, 1, MAX_MULTIPLIER])
        elif (
            random.random() < 0.3
        ):  # sums then fall on ties, which arbitrary multipliers never meet
            multipliers[place] = 1 << random.choice([12, 13, 14])
    return Scaling(np.array(multipliers, np.int32), np.array(shifts, np.int32), shift)


def _shift(ratio: float) -> int:
    """Return the largest shift at which a ratio's multiplier fits."""
    return min(max(math.floor(math.log2(MAX_MULTIPLIER / ratio)) - 16, 1), MAX_SHIFT)
