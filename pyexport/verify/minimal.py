"""Minimal-norm attacks: bisection to the boundary, then decoupled direction and norm (DDN)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array, FloatArray
from pyexport.verify.ball import Ball
from pyexport.verify.bounded import PGDOptions, pgd
from pyexport.verify.goal import Attacked, Best, Goal
from pyexport.verify.shrink import shrink

BISECTIONS = 12
FIRST_STEPS = 60  # of the descent that looks for anything that succeeds
LAST_STEP = 0.01  # share of the first step that the last one is long

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class MinimalOptions:
    """How hard the nearest success is sought."""

    steps: int = 300
    rate: float = 1.0  # first step of the direction, in spans of the input
    gamma: float = 0.05  # by which the norm grows or shrinks
    shrink: bool = True  # bring the result nearer value by value, on the legal grid
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 0 or self.seed < 0 or not (self.rate > 0.0 and 0.0 < self.gamma < 1.0):
            raise UsageError(
                "a minimal attack takes 0 steps or more, a rate above 0, a gamma between 0 and 1 "
                "and a seed of 0 or more"
            )


def minimal(
    goal: Goal,
    model: ValueAndGradient,
    starts: Array,
    options: MinimalOptions | None = None,
    progress: Progress = lambda what, done, of: None,
    pool: Array | None = None,
) -> Attacked:
    """Return, for each start, the nearest legal row in L2 that succeeds.

    First anything that succeeds: a descent over the whole box, or the nearest row of the pool. The
    line to it is halved on the legal grid. From there DDN (Rony et al. 2019) goes along the
    gradient on a sphere around the start, which shrinks after a success and grows after a failure.
    """
    chosen, pair, best = options or MinimalOptions(), goal.pair, Best(goal, starts)
    box = Ball("linf", 1.0, pair.span)
    first = pgd(goal, model, starts, box, PGDOptions(FIRST_STEPS, seed=chosen.seed), progress)
    best.look(first.rows)
    if pool is not None and len(pool):
        best.look(nearest_of_pool(goal, starts, pool))
    _bisect(best)
    if chosen.steps:
        _decoupled(best, model, chosen, progress)
    row = np.flatnonzero(best.succeeded)
    if chosen.shrink and pair.step is not None and len(row):

        def holds(rows: Array, which: Array) -> Array:
            return goal.reached(rows.astype(starts.dtype), row[which])

        best.rows[row] = shrink(best.rows[row], starts[row], holds, pair.step)
    return best.result()


def nearest_of_pool(goal: Goal, starts: Array, pool: Array) -> Array:
    """Return for each start the nearest row of the pool that succeeds, else the start itself."""
    rows, real = starts.copy(), goal.pair.real(pool)
    for number, start in enumerate(goal.pair.real(starts)):
        order = np.argsort(((real - start) ** 2).sum(axis=1), kind="stable")
        hits = np.flatnonzero(goal.reached(pool[order], np.full(len(pool), number)))
        if len(hits):
            rows[number] = pool[order[hits[0]]]
    return rows


def _bisect(best: Best) -> None:
    """Halve the lines from the starts to their successes."""
    pair = best.goal.pair
    near, far = np.zeros(len(best.rows)), np.ones(len(best.rows))
    origin = pair.real(best.starts)
    reach = np.where(best.succeeded[:, None], pair.real(best.rows) - origin, 0.0)
    for _ in range(BISECTIONS):
        middle = (near + far) / 2.0
        ok = best.look(pair.integers(origin + reach * middle[:, None]))
        near, far = np.where(ok, near, middle), np.where(ok, middle, far)


def _decoupled(
    best: Best, model: ValueAndGradient, options: MinimalOptions, progress: Progress
) -> None:
    goal, pair = best.goal, best.goal.pair
    origin, pull, (low, high) = pair.real(best.starts), goal.pull(), pair.limits
    scale = float(pair.span.max())
    generator = np.random.Generator(np.random.PCG64([options.seed, 12]))
    move = np.where(best.succeeded[:, None], pair.real(best.rows) - origin, 0.0)
    radius = np.where(best.succeeded, np.linalg.norm(move, axis=1), scale)
    for step in range(options.steps):
        _, gradient = model(origin + move, pull)
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        lost = np.flatnonzero(length[:, 0] == 0.0)  # no slope anywhere: any direction is as good
        gradient[lost] = generator.normal(size=(len(lost), gradient.shape[1]))
        length[lost] = np.linalg.norm(gradient[lost], axis=1, keepdims=True)
        cosine = (1.0 + np.cos(np.pi * step / options.steps)) / 2.0
        rate = scale * options.rate * (LAST_STEP + (1.0 - LAST_STEP) * cosine)
        move = _on_sphere(move - rate * gradient / length, radius)
        move = np.clip(origin + move, low, high) - origin
        ok = best.look(pair.integers(origin + move))
        radius = radius * np.where(ok, 1.0 - options.gamma, 1.0 + options.gamma)
        progress("direction and norm", step + 1, options.steps)


def _on_sphere(move: FloatArray, radius: FloatArray) -> FloatArray:
    length = np.linalg.norm(move, axis=1)
    scaled: FloatArray = move * (radius / np.where(length > 0.0, length, 1.0))[:, None]
    return scaled
