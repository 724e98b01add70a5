"""Inputs near a start that the models take for another class: probability traded for distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array, FloatArray
from pyexport.verify.descent import Descent, descend
from pyexport.verify.goal import Attacked, Goal
from pyexport.verify.pair import Pair
from pyexport.verify.shrink import shrink

Progress = Callable[[str, int, int], None]  # what, done, of how many


@dataclass(frozen=True)
class NearOptions:
    """How hard a near start is sought."""

    rounds: int = 8  # each start's weight of the distance is halved or doubled in between
    steps: int = 100
    rate: float = 0.02  # of Adam, as a share of the span
    keep_near: float = 5.0  # the first round's weight
    look_every: int = 5  # steps between two looks at the integer model
    shrink: bool = True

    def __post_init__(self) -> None:
        if min(self.rounds, self.look_every) < 1:
            raise UsageError("at least one round, and a look at least every step, are needed")
        Descent(self.steps, self.rate, self.keep_near)  # checks the rest


def near_starts(
    pair: Pair,
    model: ValueAndGradient,
    starts: Array,
    targets: Array,
    options: NearOptions | None = None,
    progress: Progress = lambda what, done, of: None,
    pool: Array | None = None,
    on: str = "both",
) -> Attacked:
    """Return, for each start, a near row that float and integer model give the target class.

    Descents on the float model, in rounds: where the integer model gave the target too the next
    round weighs the distance more, else less, and the middle is halved. The nearest success of all
    steps is kept, then brought nearer on the grid of legal inputs (verify/shrink.py). A start that
    no descent turns begins at the nearest row of the pool, if one is of its target class. `on` is
    which models must give it: one of MODELS.
    """
    chosen, goal = options or NearOptions(), Goal(pair, targets, on=on)
    real = pair.real(starts)
    best, last = starts.astype(np.int64), starts.astype(np.int64)
    nearest = np.full(len(starts), np.inf)
    weight = np.full(len(starts), chosen.keep_near)
    least, most = np.zeros(len(starts)), np.full(len(starts), np.inf)
    for turn in range(chosen.rounds):
        found = np.zeros(len(starts), dtype=bool)

        def look(step: int, rows: FloatArray, found: Array = found) -> None:
            nonlocal best, last, nearest
            if step % chosen.look_every and step != chosen.steps:
                return
            q = pair.integers(rows)
            far = np.linalg.norm(pair.real(q) - real, axis=1)
            worth = np.flatnonzero((far < nearest) | ~found)
            ok = np.zeros(len(q), dtype=bool)
            ok[worth] = goal.reached(q[worth], worth)
            found |= ok
            better = ok & (far < nearest)
            best = np.where(better[:, None], q, best)
            nearest = np.where(better, far, nearest)
            last = q.astype(np.int64)

        descend(model, real, targets, pair.limits, Descent(chosen.steps, chosen.rate), look, weight)
        least, most = np.where(found, weight, least), np.where(found, most, weight)
        halfway = np.where(least > 0, np.sqrt(np.maximum(least, 1e-9) * most), most / 4.0)
        weight = np.where(np.isfinite(most), halfway, least * 4.0)
        progress("descents", turn + 1, chosen.rounds)
    if pool is not None and len(pool):
        best, nearest = _from_pool(goal, real, pool, best, nearest)
    succeeded = np.isfinite(nearest)
    if chosen.shrink and pair.step is not None:
        row = np.flatnonzero(succeeded)
        best[row] = shrink(
            best[row],
            starts[row].astype(np.int64),
            lambda rows, which: goal.reached(rows.astype(starts.dtype), row[which]),
            pair.step,
        )
    rows = np.where(succeeded[:, None], best, last).astype(starts.dtype)
    distance = np.linalg.norm(pair.real(rows) - real, axis=1)
    return Attacked(starts, rows, targets, succeeded, distance)


def _from_pool(
    goal: Goal, real: FloatArray, pool: Array, best: Array, nearest: FloatArray
) -> tuple[Array, FloatArray]:
    """Return best rows and their distances, with rows of the pool where there was none."""
    best, nearest, values = best.copy(), nearest.copy(), goal.pair.real(pool)
    for row in np.flatnonzero(~np.isfinite(nearest)):
        known = np.flatnonzero(goal.reached(pool, np.full(len(pool), row)))
        if len(known):
            far = np.linalg.norm(values[known] - real[row], axis=1)
            best[row], nearest[row] = pool[known[far.argmin()]], far.min()
    return best, nearest
