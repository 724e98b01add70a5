"""Inputs near a start that the models take for another class: probability traded for distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

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
    targeted: bool = True,
) -> Attacked:
    """Return, for each start, a near row that float and integer model give the target class.

    Not targeted: any class but `targets`; descents go to the two whose boundaries seem nearest.

    Descents on the float model, in rounds: where the integer model gave the target too the next
    round weighs the distance more, else less, and the middle is halved. The nearest success of all
    steps is kept, then brought nearer on the grid of legal inputs (verify/shrink.py). A start that
    no descent turns begins at the nearest row of the pool, if one is of its target class. `on` is
    which models must give it: one of MODELS.
    """
    chosen, goal = options or NearOptions(), Goal(pair, targets, targeted, on)
    real = pair.real(starts)
    ways = [targets] if targeted else nearest_classes(model, real, targets, pair)
    best, last = starts.astype(np.int64), starts.astype(np.int64)
    nearest = np.full(len(starts), np.inf)
    for number, turn in product(range(len(ways)), range(chosen.rounds)):
        if turn == 0:
            weight = np.full(len(starts), chosen.keep_near)
            least, most = np.zeros(len(starts)), np.full(len(starts), np.inf)
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

        descend(
            model, real, ways[number], pair.limits, Descent(chosen.steps, chosen.rate), look, weight
        )
        least, most = np.where(found, weight, least), np.where(found, most, weight)
        halfway = np.where(least > 0, np.sqrt(np.maximum(least, 1e-9) * most), most / 4.0)
        weight = np.where(np.isfinite(most), halfway, least * 4.0)
        progress("descents", number * chosen.rounds + turn + 1, len(ways) * chosen.rounds)
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
    return Attacked(starts, rows, targets, succeeded, distance, targeted)


def nearest_classes(
    model: ValueAndGradient, rows: FloatArray, classes: Array, pair: Pair
) -> list[Array]:
    """Return for real rows the nearest class other than `classes`, as it seems, and the next.

    To first order a boundary lies (own output - other output) / |difference of their gradients|
    away, with gradients in spans (Moosavi-Dezfooli et al. 2016).
    """
    gradients = []
    for number in range(pair.classes):
        seed = np.zeros((len(rows), pair.classes))
        seed[:, number] = 1.0
        outputs, gradient = model(rows, lambda _, seed=seed: seed)  # type: ignore[misc]
        gradients.append(gradient * pair.span)
    slopes, row = np.stack(gradients, axis=1), np.arange(len(rows))
    margin = outputs[row, classes][:, None] - outputs
    length = np.linalg.norm(slopes - slopes[row, classes][:, None], axis=2)
    far = margin / np.maximum(length, 1e-12)
    far[row, classes] = np.inf
    order = np.argsort(far, axis=1, kind="stable")
    return [order[:, place] for place in range(min(2, pair.classes - 1))]


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
