"""The largest difference between an output of the float model and of its export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array, FloatArray
from pyexport.verify.descent import Adam, noise
from pyexport.verify.pair import Pair

BATCH = 2_000  # random rows at once

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Gap:
    """The input with the largest difference between an output of both models."""

    row: Array  # (size,), the device's integers
    output: int
    float_value: float
    integer_value: float  # in the unit of the float output
    tried: int
    worst: Array  # (m, size): the rows on which each output was driven farthest apart

    @property
    def size(self) -> float:
        """How far the outputs differ."""
        return abs(self.float_value - self.integer_value)


def largest_gap(
    pair: Pair,
    float_model: ValueAndGradient,
    integer_model: ValueAndGradient | None,
    rows: Array,
    steps: int = 150,
    rate: float = 0.05,
    seed: int = 0,
    progress: Progress = lambda what, done, of: None,
) -> Gap:
    """Return the largest difference of outputs that gradient ascent finds in the input box.

    Every output is driven apart in both directions from rows and noise. integer_model: its straight
    through gradients; None where it has none: the float model's alone are climbed then.
    """
    many = pair.classes
    if many > 32:
        generator = np.random.Generator(np.random.PCG64([seed, 8]))
        chosen = np.sort(generator.choice(many, 32, replace=False))
    else:
        chosen = np.arange(many)
    goals = np.repeat(chosen, 2)
    each = max(2, min(16, 640 // len(goals)))
    known = pair.real(rows[np.linspace(0, len(rows) - 1, each // 2).astype(int)])
    starts = np.concatenate([known, noise(each - len(known), pair.limits, seed)])
    low, high = pair.limits
    x = np.tile(starts, (len(goals), 1))
    output = np.repeat(goals, each)
    sign = np.repeat(np.tile([1.0, -1.0], len(chosen)), each)
    seeds = np.zeros((len(x), many))
    seeds[np.arange(len(x)), output] = sign
    adam = Adam(x.shape, rate, pair.span)
    best = Gap(rows[0], 0, 0.0, 0.0, 0, rows[:0])
    for step in range(1, steps + 1):
        best = _larger(pair, x, best)
        _, gradient = float_model(x, lambda outputs: seeds)
        if integer_model is not None:
            gradient = gradient - integer_model(x, lambda outputs: seeds)[1]
        x = np.clip(x + adam.change(gradient * pair.span), low, high)
        progress("largest gap", step, steps)
    best = _larger(pair, x, best)
    return replace(best, worst=_worst(pair, x.reshape(len(goals), each, -1), goals))


def _worst(pair: Pair, x: FloatArray, goals: Array) -> Array:
    """Return the row of each goal on which its output differs most."""
    worst = []
    for rows, output in zip(x, goals, strict=True):
        integers = pair.integers(rows)
        gap = np.abs(pair.float_outputs(pair.real(integers)) - pair.integer_outputs(integers))
        worst.append(integers[gap[:, output].argmax()])
    return np.unique(np.array(worst), axis=0)


def random_gap(pair: Pair, count: int = 200_000, seed: int = 0) -> Gap:
    """Return the largest difference among uniform random legal inputs."""
    first = pair.integers(noise(1, pair.limits, seed))
    best = Gap(first[0], 0, 0.0, 0.0, 0, first[:0])
    for block in range(-(-count // BATCH)):
        size = min(BATCH, count - block * BATCH)
        best = _larger(pair, noise(size, pair.limits, seed * 1_000_003 + block), best)
    return best


def _larger(pair: Pair, x: FloatArray, best: Gap) -> Gap:
    """Return the larger gap of the best and those of rows."""
    rows = pair.integers(x)
    by_float, by_integer = pair.float_outputs(pair.real(rows)), pair.integer_outputs(rows)
    gap = np.abs(by_float - by_integer)
    row, output = np.unravel_index(int(gap.argmax()), gap.shape)
    tried = best.tried + len(rows)
    if gap[row, output] <= best.size:
        return replace(best, tried=tried)
    values = float(by_float[row, output]), float(by_integer[row, output])
    return Gap(rows[row], int(output), *values, tried, best.worst)
