"""One whole hunt: disagreements with their causes, made small, and the largest gap of outputs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UnsupportedOperatorError, UsageError
from pyexport.gradients import ValueAndGradient, of_graph
from pyexport.ir import Array
from pyexport.verify.cause import Cause
from pyexport.verify.causes import causes
from pyexport.verify.gaps import Gap, largest_gap, random_gap
from pyexport.verify.hunt import Disagreements, hunt_classes, search_randomly
from pyexport.verify.pair import Pair
from pyexport.verify.shrink import distances, shrink
from pyexport.verify.straight_through import of_integer_graph

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class HuntOptions:
    """How long is hunted."""

    wanted: int = 1_000  # distinct disagreements
    small: int = 48  # of these, how many are brought near to a known row
    steps: int = 150  # of gradient ascent on the gap
    random: int = 200_000  # uniform random inputs that both are measured against; 0: none
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.wanted, self.steps) < 1 or min(self.small, self.random, self.seed) < 0:
            raise UsageError("a hunt wants at least one disagreement, and takes at least one step")


@dataclass(frozen=True, eq=False)
class Small:
    """Disagreements nearest to known rows: the starts, and what differs from them least."""

    starts: Array
    rows: Array
    float_classes: Array
    integer_classes: Array
    distance: Array  # L2 between the real values
    causes: tuple[Cause, ...]


@dataclass(frozen=True, eq=False)
class Hunt:
    """What was found, and what uniform random search finds."""

    found: Disagreements
    causes: tuple[Cause, ...]  # of each found row
    small: Small
    gap: Gap
    random_found: Disagreements | None
    random_gap: Gap | None


def hunt(
    pair: Pair,
    rows: Array,
    options: HuntOptions | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Hunt:
    """Return the disagreements and the largest gap of a pair, from known rows of its input."""
    chosen, model = options or HuntOptions(), of_graph(pair.graph)
    found = hunt_classes(pair, model, rows, chosen.wanted, chosen.seed, progress=progress)
    known = causes(pair, found.rows[: chosen.wanted])
    small = make_small(pair, found, rows, chosen.small)
    gap = widest_gap(pair, model, rows, chosen, progress)
    if not chosen.random:
        return Hunt(found, known, small, gap, None, None)
    progress("random search", 0, 1)
    by_chance = search_randomly(pair, 1 << 30, chosen.random, chosen.seed)
    return Hunt(found, known, small, gap, by_chance, random_gap(pair, chosen.random, chosen.seed))


def widest_gap(
    pair: Pair,
    model: ValueAndGradient,
    rows: Array,
    options: HuntOptions,
    progress: Progress = lambda what, done, of: None,
) -> Gap:
    """Return the larger gap of two ascents: with and without the integer model's gradient."""
    ways: list[ValueAndGradient | None] = [None]
    with suppress(UnsupportedOperatorError):  # a layer without: the float gradient alone must do
        ways.append(of_integer_graph(pair.artifact.graph))
    gaps = [
        largest_gap(pair, model, way, rows, options.steps, seed=options.seed, progress=progress)
        for way in ways
    ]
    return max(gaps, key=lambda gap: gap.size)


def make_small(pair: Pair, found: Disagreements, rows: Array, count: int) -> Small:
    """Return, for the known rows with the nearest disagreements, each one's brought nearest."""
    starts = _nearest(pair, found.rows, rows)
    far = distances(pair.real(found.rows), pair.real(starts))
    order = np.argsort(far, kind="stable")
    _, firsts = np.unique(starts[order], axis=0, return_index=True)
    order = order[np.sort(firsts)][:count]  # the nearest find of each start
    starts, chosen = starts[order], found.rows[order]
    dtype = pair.simulator.input_dtype

    def holds(proposal: Array, which: Array) -> Array:
        integers = proposal.astype(dtype)
        differs: Array = pair.float_classes(pair.real(integers)) != pair.integer_classes(integers)
        return differs

    unit = np.abs(pair.real(chosen[:1] + 1) - pair.real(chosen[:1]))[0] if len(chosen) else None
    small = shrink(chosen, starts, holds, unit)
    small = np.ascontiguousarray(small)
    return Small(
        starts,
        small,
        pair.float_classes(pair.real(small)),
        pair.integer_classes(small),
        distances(pair.real(small), pair.real(starts)),
        causes(pair, small),
    )


def _nearest(pair: Pair, found: Array, rows: Array) -> Array:
    """Return the known row nearest to each found one."""
    known = pair.real(rows)
    square = (known**2).sum(axis=1)
    nearest = []
    for start in range(0, len(found), 1_000):
        real = pair.real(found[start : start + 1_000])
        nearest.append((square - 2.0 * real @ known.T).argmin(axis=1))
    return rows[np.concatenate(nearest)] if nearest else rows[:0]
