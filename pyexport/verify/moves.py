"""Small moves of a legal input that bring its margin to where rounding decides the class."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array, FloatArray
from pyexport.sensor import sensor_limits
from pyexport.verify.pair import Pair

MOST_MOVES = 128  # single ones about a point: their pairs are all looked at
BINS = 40  # of the predicted margin, -1..1 reaches
PILOT = 4_000  # rows that are tried before a window is trusted
GOOD = 0.85  # share of the best bin's success that a bin must have


@dataclass(frozen=True, eq=False)
class Base:
    """Rows on a boundary: margin between their two best classes, and its gradient.

    The margin is the output of the class with the higher number less that of the other: the lower
    number wins a tie, so a tie of integers falls on one side.
    """

    rows: Array  # (n, size) integers
    margin: FloatArray  # (n,), of the float model
    slope: FloatArray  # (n, size): what one unit of each value adds to the margin
    reach: float  # margins that rounding can turn are smaller

    @staticmethod
    def at(pair: Pair, model: ValueAndGradient, rows: Array) -> Base:
        """Return the base of some rows."""
        real = pair.real(rows)
        seeds: list[FloatArray] = []

        def pull(outputs: FloatArray) -> FloatArray:
            two = np.argsort(outputs, axis=1)[:, -2:]
            row = np.arange(len(outputs))
            seed = np.zeros_like(outputs)
            seed[row, two.max(axis=1)], seed[row, two.min(axis=1)] = 1.0, -1.0
            seeds.append(seed)
            return seed

        outputs, gradient = model(real, pull)
        margin = (outputs * seeds[0]).sum(axis=1)
        slope = gradient * (pair.real(rows + 1) - real)
        integers = rows.astype(pair.simulator.input_dtype)
        error = np.abs((pair.integer_outputs(integers) * seeds[0]).sum(axis=1) - margin)
        steps = np.median(np.abs(slope).max(axis=1, initial=0.0)) if len(rows) else 0.0
        reach = min(4.0 * float(np.median(error)), 8.0 * float(steps)) if len(rows) else 0.0
        return Base(rows, margin, slope, max(reach, 1e-12))

    def part(self, which: Array) -> Base:
        """Return some of the rows."""
        return Base(self.rows[which], self.margin[which], self.slope[which], self.reach)


@dataclass
class MarginWindow:
    """Which predicted margins, in reaches, are worth trying: learned from what was tried."""

    tried: FloatArray = field(default_factory=lambda: np.zeros(BINS))
    found: FloatArray = field(default_factory=lambda: np.zeros(BINS))

    def learn(self, margins: FloatArray, differs: Array) -> None:
        """Count rows whose margin was predicted, and those on which the models differ."""
        bins = self.bins(margins)
        self.tried += np.bincount(bins, minlength=BINS)
        self.found += np.bincount(bins[differs], minlength=BINS)

    @property
    def is_known(self) -> bool:
        """Whether enough was tried."""
        return bool(self.tried.sum() >= PILOT)

    def good(self) -> Array:
        """Return which bins are worth it (BINS,): all until enough was tried."""
        if not self.is_known:
            return np.ones(BINS, dtype=bool)
        share = self.found / np.maximum(self.tried, 1.0)
        good: Array = (share >= GOOD * share.max()) & (self.tried > 0)
        return good

    @staticmethod
    def bins(margins: FloatArray) -> Array:
        """Return the bin of each margin in -1..1."""
        bins: Array = np.clip(((margins + 1.0) * (BINS / 2)).astype(np.int64), 0, BINS - 1)
        return bins


def moved_rows(
    pair: Pair, base: Base, window: MarginWindow, each: int, generator: np.random.Generator
) -> tuple[Array, FloatArray, Array]:
    """Return rows one or two unit moves from their base, predicted margins in reaches, and bases.

    Only rows whose prediction falls into a good bin of the window, at most `each` a base.
    """
    low, high = (limit.astype(np.int64) for limit in sensor_limits(pair.artifact.graph))
    size, dtype = len(low), pair.simulator.input_dtype
    good = window.good()
    if not good.any():
        good[:] = True
    places = np.flatnonzero(good)
    least, most = places[0] * 2.0 / BINS - 1.0, (places[-1] + 1) * 2.0 / BINS - 1.0
    count = min(2 * size, MOST_MOVES)
    upper = np.triu_indices(count, 1)
    rows, margins = [], []
    for row, margin, slope in zip(base.rows, base.margin, base.slope, strict=True):
        moves = np.arange(2 * size)
        if count < len(moves):
            moves = generator.choice(len(moves), count, replace=False)
        place, up = moves % size, moves < size
        legal = np.where(up, row[place] < high[place], row[place] > low[place])
        gain = np.where(legal, np.where(up, slope[place], -slope[place]), np.nan) / base.reach
        gain = gain.astype(np.float32)
        predicted = gain[upper[0]] + (gain + np.float32(margin / base.reach))[upper[1]]
        fits = np.flatnonzero((predicted > least) & (predicted < most))
        fits = fits[place[upper[0][fits]] != place[upper[1][fits]]]
        if len(fits) > each:
            every = -(-len(fits) // each)
            fits = fits[generator.integers(0, every) :: every]
        moved = np.repeat(row.astype(dtype)[None], len(fits), axis=0)
        flat, first = moved.reshape(-1), np.arange(len(fits)) * size
        step = np.where(up, 1, -1).astype(dtype)
        for part in upper:
            move = part[fits]
            flat[first + place[move]] += step[move]
        rows.append(moved)
        margins.append(predicted[fits])
    if not rows:
        return np.empty((0, size), dtype), np.empty(0), np.empty(0, np.int64)
    owners = np.repeat(np.arange(len(rows)), [len(moved) for moved in rows])
    return np.concatenate(rows), np.concatenate(margins), owners
