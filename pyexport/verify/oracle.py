"""A device that can only be asked: its outputs, counted, each asked for once, with retries."""

from __future__ import annotations

import numpy as np

from pyexport.errors import LinkError, UsageError
from pyexport.ir import Array
from pyexport.runners import CutOffError, Runner
from pyexport.simulator.fast import argmax

RETRIES = 3  # in a row, without a single answer


class Oracle:
    """Answers questions of several searches, each of which may ask so many."""

    def __init__(self, runner: Runner, searches: int, budget: int, retries: int = RETRIES) -> None:
        if budget < 1 or retries < 0:
            raise UsageError("a search asks at least one question")
        self.asked = np.zeros(searches, dtype=np.int64)
        self.retried = 0
        self._runner, self._budget, self._retries = runner, budget, retries
        self._known: dict[bytes, Array] = {}

    def left(self, which: Array) -> Array:
        """Return how many questions each of these searches may still ask."""
        left: Array = self._budget - self.asked[which]
        return left

    def ask(self, rows: Array, which: Array) -> tuple[Array, Array]:
        """Return the outputs of rows, and which were answered; `which` search each row serves.

        A row that was asked before costs nothing, one beyond the budget is not answered.
        """
        rows = np.ascontiguousarray(rows)
        keys = [row.tobytes() for row in rows]
        fresh: dict[bytes, int] = {}
        for number, (key, search) in enumerate(zip(keys, which.tolist(), strict=True)):
            if key not in self._known and key not in fresh and self.asked[search] < self._budget:
                fresh[key] = number
                self.asked[search] += 1
        if fresh:
            answers = self._outputs(rows[list(fresh.values())])
            self._known.update(zip(fresh, answers, strict=True))
        answered = np.array([key in self._known for key in keys], dtype=bool)
        if not self._known:
            raise UsageError("no question is left to ask")
        width = len(next(iter(self._known.values())))
        none = np.zeros(width, dtype=np.int64)
        outputs = [self._known.get(key, none) for key in keys]
        return np.array(outputs, dtype=np.float64).reshape(len(rows), width), answered

    def classes(self, rows: Array, which: Array) -> Array:
        """Return the device's class of each row, -1 where it was not asked."""
        outputs, answered = self.ask(rows, which)
        return np.where(answered, argmax(outputs), -1)

    def _outputs(self, rows: Array) -> Array:
        """Return the device's outputs; what is missing when a link breaks is asked again."""
        parts: list[Array] = []
        left, failures = rows, 0
        while len(left):
            try:
                parts.append(self._runner.run(left).outputs)
                break
            except CutOffError as error:
                if getattr(self._runner, "interrupted", False):
                    raise KeyboardInterrupt from None
                done = error.partial.outputs
                failures = 0 if len(done) else failures + 1
                if failures > self._retries:
                    asked = int(self.asked.sum())
                    raise LinkError(f"{error} (after {asked} questions)") from None
                self.retried += 1
                parts.append(done)
                left = left[len(done) :]
        return np.concatenate(parts)
