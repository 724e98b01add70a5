"""Attacks by questions alone: what a device answers, and neither weights nor gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.ir import Array, FloatArray
from pyexport.sensor import sensor_limits
from pyexport.simulator.fast import argmax
from pyexport.verify.goal import Attacked, Goal
from pyexport.verify.oracle import Oracle
from pyexport.verify.patches import patch
from pyexport.verify.shrink import shrink

FIRST_SHARE, LAST_SHARE = 0.3, 0.02  # of the input that one patch of the search covers
PROBE = 1 / 8  # of the span: how far a slope is measured
HALVINGS = 8
TRIALS = 50

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class QueryOptions:
    """How many questions are asked, and of which inputs."""

    budget: int = 1_000  # inferences a start
    seed: int = 0
    shape: tuple[int, ...] = ()  # of an input (height, width, channels); (): a line of values

    def __post_init__(self) -> None:
        if self.budget < 1 or self.seed < 0:
            raise UsageError("a query attack asks at least once, and takes a seed of 0 or more")


def query_attack(
    goal: Goal,
    oracle: Oracle,
    starts: Array,
    options: QueryOptions | None = None,
    progress: Progress = lambda what, done, of: None,
    pool: Array | None = None,
) -> Attacked:
    """Return, for each start, a near row that the device gives what the goal wants.

    First a random search in the manner of Square Attack (Andriushchenko et al. 2020): a patch of
    the input goes to one end of its range, and stays if the outputs come nearer to the goal. A
    start that half of the questions do not turn begins at a row of the pool that the device gives
    the right class. Then the row is brought near: back value by value, and along slopes that
    questions about moved values measure. While questions are left it begins anew, with other
    patches, and the nearest row of all is kept. The same seed and device give the same rows.
    """
    chosen = options or QueryOptions()
    search = _Search(goal, oracle, starts, chosen, progress)
    best, nearest = search.rows, np.full(len(starts), np.inf)
    for _ in range(TRIALS):
        before = oracle.asked.copy()
        search.begin()
        search.find()
        search.begin_at(pool if pool is not None else starts[:0], ~np.isfinite(nearest))
        search.approach()
        far = np.where(search.found, search.distance(), np.inf)
        best = np.where(
            (far < nearest)[:, None] | ~np.isfinite(nearest)[:, None], search.rows, best
        )
        nearest = np.minimum(nearest, far)
        if (oracle.asked == before).all():
            break
    search.rows, search.found = best, np.isfinite(nearest)
    return search.result()


class _Search:
    """All starts at once: one question of each goes to the device together."""

    def __init__(
        self, goal: Goal, oracle: Oracle, starts: Array, options: QueryOptions, progress: Progress
    ) -> None:
        self.goal, self.oracle, self.options, self.progress = goal, oracle, options, progress
        self.low, self.high = (
            limit.astype(np.int64) for limit in sensor_limits(goal.pair.artifact.graph)
        )
        self.starts, self.dtype = starts.astype(np.int64), starts.dtype
        self.rows = self.starts.copy()
        self.unit = goal.pair.step if goal.pair.step is not None else np.ones(starts.shape[1])
        self.found = np.zeros(len(starts), dtype=bool)
        self.generator = np.random.Generator(np.random.PCG64([options.seed, 13]))

    def ask(self, rows: Array, which: Array) -> tuple[FloatArray, Array, Array]:
        """Return how far each row is on the way to the goal, which succeed, and were answered."""
        outputs, answered = self.oracle.ask(rows.astype(self.dtype), which)
        wanted = self.goal.classes[which]
        row = np.arange(len(rows))
        own = outputs[row, wanted]
        outputs_of_others = outputs.copy()
        outputs_of_others[row, wanted] = -np.inf
        margin = own - outputs_of_others.max(axis=1)
        score = np.where(answered, margin if self.goal.targeted else -margin, -np.inf)
        return score, answered & self.goal.hit(argmax(outputs), which), answered

    def begin(self) -> None:
        """Go back to the starts."""
        self.rows = self.starts.copy()
        self.found = np.zeros(len(self.rows), dtype=bool)

    def find(self) -> None:
        """Search at random until each start succeeds, or half of its questions left are asked."""
        every = np.arange(len(self.rows))
        score, self.found, _ = self.ask(self.rows, every)
        enough = self.oracle.asked + self.oracle.left(every) // 2
        half = int(self.oracle.left(every).max()) // 2
        for turn in range(half):
            active = np.flatnonzero(~self.found & (self.oracle.asked < enough))
            if not len(active):
                return
            share = FIRST_SHARE * (LAST_SHARE / FIRST_SHARE) ** (turn / half)
            proposal = self.rows[active].copy()
            for row in proposal:
                place = patch(len(row), self.options.shape, share, self.generator)
                end = (self.low, self.high)[int(self.generator.integers(2))]
                row[place] = end[place]
            better, hit, _ = self.ask(proposal, active)
            kept = hit | (better >= score[active])
            self.rows[active[kept]] = proposal[kept]
            score[active[kept]] = better[kept]
            self.found[active[hit]] = True
            self.progress("search", int(self.found.sum()), len(self.found))

    def begin_at(self, pool: Array, which: Array) -> None:
        """Let those of the starts that have no success begin at the nearest row that has it."""
        real = self.goal.pair.real(pool)
        for one in np.flatnonzero(~self.found & which):
            far = np.linalg.norm(real - self.goal.pair.real(self.starts[one : one + 1]), axis=1)
            for number in np.argsort(far, kind="stable"):
                asking = np.array([one])
                if self.oracle.left(asking)[0] <= 0:
                    break
                row = pool[number : number + 1].astype(np.int64)
                if self.ask(row, asking)[1][0]:
                    self.rows[one], self.found[one] = row[0], True
                    break

    def approach(self) -> None:
        """Bring successes near until no question is left, or two rounds gain nothing."""
        idle = np.zeros(len(self.rows), dtype=np.int64)
        while True:
            idle += ~self.found * 2
            active = np.flatnonzero((idle < 2) & (self.oracle.left(np.arange(len(idle))) > 0))
            if not len(active):
                return
            before = self.distance()[active]
            self.shrink(active)
            self.along_slopes(active)
            gained = self.distance()[active] < before * (1.0 - 1e-9)
            idle[active] = np.where(gained, 0, idle[active] + 1)
            asked = int(self.oracle.asked.sum())
            self.progress("questions", asked, len(self.rows) * self.options.budget)

    def shrink(self, active: Array) -> None:
        """Move values back to where they were, as long as that succeeds."""

        def holds(rows: Array, which: Array) -> Array:
            return self.ask(rows, active[which])[1]

        rows, starts = self.rows[active], self.starts[active]
        self.rows[active] = shrink(rows, starts, holds, self.unit)

    def along_slopes(self, active: Array) -> None:
        """Measure the margin's slope at each row, and go from the start along it if that is nearer.

        Nearer rows succeed on the flat boundary that the slope tells of; halving finds the nearest.
        """
        size = self.rows.shape[1]
        slope, probes = self._slopes(active), min(size, self.options.budget // 4)
        length = np.linalg.norm(slope, axis=1)
        usable = (length > 0.0) & (self.oracle.left(active) > 0) & (probes > 0)
        active, slope = active[usable], slope[usable] / length[usable][:, None]
        if not len(active):
            return
        far = self.distance()[active]
        reach = 2.0 * far  # values at their limits do not move: go farther, judge the distance
        near, best = np.zeros(len(active)), reach.copy()
        for _ in range(HALVINGS):
            middle = (near + best) / 2.0
            moved = self.starts[active] + slope * middle[:, None] / self.unit
            proposal = np.clip(np.rint(moved), self.low, self.high).astype(np.int64)
            _, hit, _ = self.ask(proposal, active)
            better = hit & (self._far(proposal, active) < self.distance()[active])
            self.rows[active[better]] = proposal[better]
            near, best = np.where(hit, near, middle), np.where(hit, middle, best)

    def _slopes(self, active: Array) -> FloatArray:
        """Return the slope of the score at each row, per real unit; 0 where it was not measured."""
        size = self.rows.shape[1]
        count = min(size, self.options.budget // 4)
        base, _, _ = self.ask(self.rows[active], active)
        slope = np.zeros((len(active), size))
        step = np.maximum(1, np.rint(PROBE * (self.high - self.low)).astype(np.int64))
        groups = [self.generator.permutation(size) for _ in active]
        for part in range(count):
            rows = self.rows[active]
            proposal = rows.copy()
            for one, order in enumerate(groups):
                place = order[part::count]
                up = rows[one, place] + step[place] <= self.high[place]
                proposal[one, place] += np.where(up, step[place], -step[place])
            proposal = np.clip(proposal, self.low, self.high)
            score, _, answered = self.ask(proposal, active)
            gain = np.where(answered & np.isfinite(base), score - base, 0.0)
            moved = (proposal - rows) * self.unit
            square = np.maximum((moved**2).sum(axis=1), 1e-300)
            slope += gain[:, None] * moved / square[:, None]
        return slope

    def distance(self) -> FloatArray:
        """Return the L2 distance of every row from its start."""
        return self._far(self.rows, np.arange(len(self.rows)))

    def _far(self, rows: Array, which: Array) -> FloatArray:
        far: FloatArray = np.linalg.norm((rows - self.starts[which]) * self.unit, axis=1)
        return far

    def result(self) -> Attacked:
        """Return the rows as the device takes them."""
        return Attacked(
            self.starts.astype(self.dtype),
            self.rows.astype(self.dtype),
            self.goal.classes,
            self.found,
            self.distance(),
            self.goal.targeted,
            self.oracle.asked.copy(),
        )
