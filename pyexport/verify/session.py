"""One verification: suites on targets, static checks, self-test, and the report of it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.artifact import Artifact
from pyexport.runners import Finding, Measurement, Runner, open_runner
from pyexport.simulator.fast import FastSimulator, argmax
from pyexport.verify.compare import (
    Comparison,
    Expected,
    Mismatch,
    compare_suite,
    simulate_suite,
    tie_outputs,
)
from pyexport.verify.subject import Subject
from pyexport.verify.suites import Suite

MEASURED_ROWS = 20  # inferences counted; a count by block hooks is exact but slow

Progress = Callable[[str, str], None]  # target, what is being done


@dataclass(frozen=True, eq=False)
class TargetReport:
    """Everything that one target showed."""

    target: str
    compiler: str
    comparisons: tuple[Comparison, ...]
    tie_vectors: int  # output vectors given to argmax directly
    wrong_ties: int
    selftest: bool
    findings: tuple[Finding, ...]
    measurement: Measurement | None  # None on this computer, which is no chip

    @property
    def rows(self) -> int:
        """Inputs compared."""
        return sum(c.rows for c in self.comparisons)

    @property
    def output_bytes(self) -> int:
        """Output bytes compared."""
        return sum(c.output_bytes for c in self.comparisons)

    @property
    def accumulators(self) -> int:
        """Accumulators compared."""
        return sum(c.accumulators for c in self.comparisons)

    @property
    def differing_rows(self) -> int:
        """Inputs with any difference."""
        return sum(c.differing_rows for c in self.comparisons)

    @property
    def first(self) -> Mismatch | None:
        """The first difference of the first suite that has one."""
        return next((c.first for c in self.comparisons if c.first is not None), None)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one sentence each; empty if the target agrees."""
        found = []
        if self.first is not None:
            found.append(
                f"{self.first.sentence()}; {self.differing_rows} of {self.rows} rows differ"
            )
        if self.wrong_ties:
            found.append(
                f"argmax: {self.wrong_ties} of {self.tie_vectors} vectors with ties or extremes "
                "give another class"
            )
        found += [f"{f.name}: {f.detail}" for f in self.findings if not f.ok]
        if not self.selftest:
            found.append("the header's own self-test fails")
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Report:
    """A verification of one header on some targets."""

    artifact: Artifact
    targets: tuple[TargetReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every target agrees in everything."""
        return not any(target.problems for target in self.targets)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, with the target's name in front."""
        return tuple(f"{t.target}: {p}" for t in self.targets for p in t.problems)


def verify_subject(
    subject: Subject,
    targets: tuple[str, ...],
    suites_of: Callable[[str], tuple[Suite, ...]],
    progress: Progress = lambda target, what: None,
    *,
    compiler: str | None = None,
    optimize: str | None = None,
) -> Report:
    """Return the report of running the subject's header on every target.

    suites_of gives the suites for a target's name. Raises ToolMissingError before anything runs if
    a target has no compiler or emulator here.
    """
    runners = [
        open_runner(t, subject.header, subject.interface, compiler=compiler, optimize=optimize)
        for t in targets
    ]
    simulator = FastSimulator(subject.artifact.graph)
    answers: dict[int, Expected] = {}
    reports = []
    for runner in runners:
        comparisons = []
        for suite in suites_of(runner.name):
            progress(runner.name, f"{len(suite.rows)} rows of {suite.name}")
            if id(suite.rows) not in answers:
                answers[id(suite.rows)] = simulate_suite(simulator, suite)
            comparisons.append(
                compare_suite(subject.artifact, runner, suite, answers[id(suite.rows)])
            )
        progress(runner.name, "argmax, self-test, static checks, cost")
        reports.append(_report(subject, runner, tuple(comparisons), suites_of(runner.name)))
    return Report(subject.artifact, tuple(reports))


def _report(
    subject: Subject,
    runner: Runner,
    comparisons: tuple[Comparison, ...],
    suites: tuple[Suite, ...],
) -> TargetReport:
    ties, wrong = np.empty((0, 1)), 0
    if subject.interface.has_argmax:
        ties = tie_outputs(subject.artifact)
        wrong = int((runner.argmax(ties).astype(np.int64) != argmax(ties)).sum())
    measurement = None
    if not runner.name.startswith("host"):
        measurement = runner.measure(suites[0].rows[:MEASURED_ROWS])
    return TargetReport(
        target=runner.name,
        compiler=runner.compiler,
        comparisons=comparisons,
        tie_vectors=len(ties),
        wrong_ties=wrong,
        selftest=runner.selftest(),
        findings=runner.check(),
        measurement=measurement,
    )
