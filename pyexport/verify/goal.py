"""What an attack is after: a class to reach or to leave, and what it found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import Pull
from pyexport.ir import Array, FloatArray
from pyexport.verify.descent import cross_entropy_gradient
from pyexport.verify.pair import Pair

MODELS = ("both", "float", "integer")


@dataclass(frozen=True, eq=False)
class Goal:
    """Which rows count as a success, one class a start."""

    pair: Pair
    classes: Array  # (n,): to reach, or if not targeted, to leave
    targeted: bool = True
    on: str = "integer"  # the models that must be fooled: one of MODELS

    def __post_init__(self) -> None:
        if self.on not in MODELS:
            raise UsageError(f"no model is called {self.on!r}; use {', '.join(MODELS)}")

    def hit(self, classes: Array, which: Array) -> Array:
        """Return which of the classes that a model gave rows of the starts `which` are wanted."""
        wanted: Array = (classes == self.classes[which]) == self.targeted
        return wanted

    def reached(self, rows: Array, which: Array | None = None) -> Array:
        """Return which rows of the device's integers succeed; `which` start each belongs to."""
        starts = np.arange(len(rows)) if which is None else which
        ok = np.ones(len(rows), dtype=bool)
        if self.on != "float":
            ok = self.hit(self.pair.integer_classes(rows), starts)
        if self.on != "integer" and ok.any():
            by_float = self.pair.float_classes(self.pair.real(rows[ok]))
            ok[ok] = self.hit(by_float, starts[ok])
        return ok

    def pull(self) -> Pull:
        """Return the derivative on the outputs of a loss that falls on the way to success.

        That is cross entropy; its negative where a class is to be left.
        """
        towards = cross_entropy_gradient(self.classes)
        return towards if self.targeted else lambda outputs: -towards(outputs)


@dataclass(frozen=True, eq=False)
class Attacked:
    """What was found for each start, in the device's integers."""

    starts: Array
    rows: Array  # the nearest that succeeded, else the last one tried
    targets: Array  # classes of the goal
    succeeded: Array
    distance: FloatArray  # L2 between the real values
    targeted: bool = True
    queries: Array | None = None  # (n,): inferences asked of the device for each start

    @property
    def share(self) -> float:
        """Share of starts that succeeded."""
        return float(self.succeeded.mean()) if len(self.succeeded) else float("nan")

    @property
    def median(self) -> float:
        """Median L2 distance of those that did."""
        found = self.distance[self.succeeded]
        return float(np.median(found)) if len(found) else float("nan")

    def hit(self, classes: Array) -> Array:
        """Return which of a model's classes of the rows are what was sought."""
        wanted: Array = (classes == self.targets) == self.targeted
        return wanted

    def hit_share(self, classes: Array | None) -> float:
        """Return the share of rows that a model gives what was sought; not a number if unasked."""
        if classes is None or not len(classes):
            return float("nan")
        return float(self.hit(classes).mean())


class Best:
    """The nearest success of each start so far, else the last row that was tried."""

    def __init__(self, goal: Goal, starts: Array) -> None:
        self.goal, self.starts = goal, starts
        self.rows = starts.copy()
        self.distance = np.full(len(starts), np.inf)
        self._real = goal.pair.real(starts)

    @property
    def succeeded(self) -> Array:
        """Which starts have a success."""
        found: Array = np.isfinite(self.distance)
        return found

    def look(self, rows: Array, every: bool = True) -> Array:
        """Judge rows, one a start, and keep successes that are nearer; return which succeed.

        Not every: rows that would be no nearer than a known success count as none.
        """
        far = np.linalg.norm(self.goal.pair.real(rows) - self._real, axis=1)
        nearer = far < self.distance
        which = np.arange(len(rows)) if every else np.flatnonzero(nearer)
        ok = np.zeros(len(rows), dtype=bool)
        if len(which):
            ok[which] = self.goal.reached(rows[which], which)
        kept = ok & nearer | ~self.succeeded
        self.rows[kept] = rows[kept]
        self.distance = np.where(ok & nearer, far, self.distance)
        return ok

    def result(self, queries: Array | None = None) -> Attacked:
        """Return what was found."""
        far = np.linalg.norm(self.goal.pair.real(self.rows) - self._real, axis=1)
        return Attacked(
            self.starts,
            self.rows,
            self.goal.classes,
            self.succeeded,
            far,
            self.goal.targeted,
            queries,
        )
