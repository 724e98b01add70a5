"""Lets hypothesis draw benches of a kernel, and keeps the smallest one that goes wrong."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pyexport.artifact import Artifact, write_artifact
from scripts.kernel_cases.cases import BRANCHES, FLOATS, MIXED, bench_of
from scripts.kernel_cases.compare import Count, artifact_for, compare

MOST_CASES = 14  # of a bench
MOST_OF = {"lstm_q15": 3, "gru_q15": 3}  # whose code is long


ATTEMPTS = 60  # to make a failing bench small

_NOTHING_KEPT = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


@dataclass
class Exercise:
    """What became of a kernel: counts of all benches, and the smallest one that failed."""

    kernel: str
    benches: int = 0
    count: Count = field(default_factory=Count)
    problem: str = ""
    smallest: Artifact | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON values."""
        c = self.count
        return {
            "kernel": self.kernel, "benches": self.benches, "nodes": c.nodes, "bytes": c.bytes,
            "sums": c.sums, "differing": c.differing, "outside": c.outside, "at_ends": c.at_ends,
            "ran": sorted(c.ran), "offered": sorted(c.offered), "problem": self.problem,
        }  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write the smallest failing bench as an artifact, which `verify` and `inspect` read."""
        if self.smallest is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{self.kernel}.px").write_bytes(write_artifact(self.smallest))


class _EnoughError(KeyboardInterrupt):
    """Ends a search from inside; hypothesis passes on no exception but an interruption."""


def exercise(kernel: str, targets: tuple[str, ...], benches: int) -> Exercise:
    """Compare `benches` drawn benches of a kernel on the targets.

    The same command draws the same from the same sources; hypothesis also learns from constants of
    the modules that are imported, so another command may draw others.
    """
    result = Exercise(kernel)
    most = 10 if kernel in FLOATS else MOST_OF.get(kernel, MOST_CASES)

    @given(count=st.integers(1, most), random=st.randoms(use_true_random=False))
    @settings(_NOTHING_KEPT, max_examples=benches, phases=(Phase.generate,))
    def run(count: int, random: Random) -> None:
        drawn = _Drawn(kernel, random, count)
        for target in targets:
            result.problem = drawn.problem(target, result.count)
            if result.problem:
                result.smallest = drawn.artifact
                _make_small(result, target)
                raise _EnoughError
        result.benches += 1

    with suppress(_EnoughError):
        run()
    return result


def _make_small(result: Exercise, target: str) -> None:
    """Look for a single case that fails too, and let hypothesis shrink it."""
    attempts, least = 0, math.inf

    @given(st.randoms(use_true_random=False))
    @settings(_NOTHING_KEPT, max_examples=ATTEMPTS, phases=(Phase.generate, Phase.shrink))
    def run(random: Random) -> None:
        nonlocal attempts, least
        attempts += 1
        if attempts > ATTEMPTS:
            raise _EnoughError
        mixed = result.kernel == MIXED
        drawn = _Drawn(random.choice(tuple(BRANCHES)) if mixed else result.kernel, random, 1)
        problem = drawn.problem(target, Count())
        if problem:
            if drawn.size <= least:
                result.problem, result.smallest, least = problem, drawn.artifact, drawn.size
            raise AssertionError(problem)

    with suppress(_EnoughError, AssertionError):
        run()


class _Drawn:
    """A bench with its rows, which are drawn too."""

    def __init__(self, kernel: str, random: Random, count: int) -> None:
        bench = bench_of(kernel, random, count)
        self.rows = bench.rows()
        self.artifact = artifact_for(bench, self.rows)

    @property
    def size(self) -> int:
        """How much there is to look at."""
        return len(write_artifact(self.artifact))

    def problem(self, target: str, total: Count) -> str:
        """Return what is wrong on a target, "" for nothing; adds to the total."""
        try:
            found = compare(self.artifact, self.rows, (target,))
        except Exception as error:  # a header that does not compile, a trap: wrong like a byte
            return f"{target}: {type(error).__name__}: {error}"
        total.add(found)
        if found.differing:
            return f"{target}: {found.differing} bytes or sums differ"
        return f"{target}: {found.outside} sums leave their bounds" if found.outside else ""
