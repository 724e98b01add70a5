"""One verification: suites on targets, static checks, self-test, and the report of it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pyexport.artifact import Artifact
from pyexport.errors import LinkError
from pyexport.rows import output_tensors
from pyexport.runners import (
    Finding,
    LinkCounts,
    Measurement,
    Runner,
    Timing,
    open_runner,
    target_of,
)
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.compare import (
    Comparison,
    Expected,
    Mismatch,
    class_words,
    compare_suite,
    simulate_suite,
    tie_outputs,
)
from pyexport.verify.compare_units import compare_unit
from pyexport.verify.explain import Explanation, explain_first
from pyexport.verify.scan import scan_findings
from pyexport.verify.selftest import selftest_finding
from pyexport.verify.subject import Subject
from pyexport.verify.suites import Suite

if TYPE_CHECKING:
    from pyexport.runners.board import BoardRunner

MEASURED_ROWS = 20  # inferences counted; a count by block hooks is exact but slow

Progress = Callable[[str, str], None]  # target, what is being done


@dataclass(frozen=True, eq=False)
class BoardReport:
    """What a board told besides its answers, and how the line to it behaved."""

    port: str
    timing: Timing | None  # None: it counts no cycles
    free_ram: int | None  # bytes never used since it started; None: it cannot tell
    counts: LinkCounts


@dataclass(frozen=True, eq=False)
class TargetReport:
    """Everything that one target showed."""

    target: str
    compiler: str
    comparisons: tuple[Comparison, ...]
    tie_vectors: int  # output vectors given to argmax directly
    wrong_ties: int
    selftest: bool | None  # None: it was cut off before
    findings: tuple[Finding, ...]
    measurement: Measurement | None  # None on this computer, which is no chip, and on a board
    board: BoardReport | None = None  # of a board at a port
    cut_off: str = ""  # why not everything was compared
    interrupted: bool = False  # it was cut off by Ctrl-C
    explanation: Explanation | None = None  # of the first difference; None of a board

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
    def classes(self) -> int:
        """Classes compared."""
        return sum(c.classes for c in self.comparisons)

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
        if self.selftest is False:
            found.append("the header's own self-test fails")
        if self.cut_off:
            found.append(f"{self.cut_off}; {self.rows} rows were compared before")
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Report:
    """A verification of one header on some targets."""

    artifact: Artifact
    targets: tuple[TargetReport, ...]
    selftest: Finding | None = None  # whether the self-test can fail; None if it does already
    text: Finding | None = None  # of the header on disk; None for a header just made

    @property
    def ok(self) -> bool:
        """Whether every target agrees in everything, and the header is the one exported."""
        return not self.problems

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it while a board was asked: the report holds what came before."""
        return any(target.interrupted for target in self.targets)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, with the target's name in front; the header's text comes last."""
        return (*self.observed, *_problems(self.text))

    @property
    def observed(self) -> tuple[str, ...]:
        """What was found wrong by compiling and running, without comparing the header's text."""
        found = (f"{t.target}: {p}" for t in self.targets for p in t.problems)
        return (*found, *_problems(self.selftest))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was proved or refuted of the header itself, on whatever target."""
        return tuple(f for f in (self.selftest, self.text) if f is not None)


def _problems(finding: Finding | None) -> tuple[str, ...]:
    if finding is None or finding.ok:
        return ()
    return (f"header: {finding.name}: {finding.detail}",)


def verify_subject(
    subject: Subject,
    targets: tuple[str, ...],
    suites_of: Callable[[str], tuple[Suite, ...]],
    progress: Progress = lambda target, what: None,
    *,
    compiler: str | None = None,
    optimize: str | None = None,
    text: Finding | None = None,
    board: BoardRunner | None = None,
) -> Report:
    """Return the report of running the subject's header on every target.

    suites_of gives the suites for a target's name; text is what is known of the header's text;
    board is one that runs the header already; Ctrl-C while it is asked ends the report there.
    Raises ToolMissingError before anything runs if a target has no compiler or emulator here.
    """
    runners: list[Runner] = [
        open_runner(
            name,
            subject.header,
            subject.interface,
            compiler=compiler,
            optimize=optimize,
            shown=subject.shown,
        )
        for name in targets
    ]
    simulator = FastSimulator(subject.artifact.graph, subject.artifact.steps)
    answers: dict[int, Expected] = {}
    reports = []
    for runner in [*runners, *([] if board is None else [board])]:
        comparisons = []
        for suite in suites_of(runner.name):
            progress(runner.name, f"{len(suite.rows)} rows of {suite.name}")
            if suite.unit is not None:
                if runner is not board:  # what was flashed has no entry to a layer
                    unit = compare_unit(suite, suite.unit, runner.name, compiler, optimize)
                    comparisons.append(unit)
                continue
            if id(suite.rows) not in answers:
                answers[id(suite.rows)] = simulate_suite(
                    simulator, suite, subject.artifact.least_yes
                )
            expected = answers[id(suite.rows)]
            if runner is board:  # it tells the largest output, not the decision
                words = class_words(expected.outputs, None, output_tensors(subject.artifact.graph))
                expected = replace(expected, classes=words)
            comparisons.append(compare_suite(subject.artifact, runner, suite, expected))
            if comparisons[-1].cut_off:
                break
        progress(runner.name, "argmax, self-test, static checks, cost")
        if runner is board:
            reports.append(_board_report(subject, board, tuple(comparisons)))
        else:
            compiled = compiler, optimize
            reports.append(
                _report(subject, runner, tuple(comparisons), suites_of(runner.name), compiled)
            )
    selftest = None
    stopped = board is not None and reports[-1].interrupted
    if targets and not stopped and all(r.selftest for r in reports if r.board is None):
        progress(reports[0].target, "self-test of changed headers")
        selftest = selftest_finding(subject, targets, compiler, optimize)
    return Report(subject.artifact, tuple(reports), selftest, text)


def _report(
    subject: Subject,
    runner: Runner,
    comparisons: tuple[Comparison, ...],
    suites: tuple[Suite, ...],
    compiled: tuple[str | None, str | None],
) -> TargetReport:
    ties, wrong = _ties(subject, runner, subject.artifact.least_yes)
    measurement: Measurement | None = None
    scans: tuple[Finding, ...] = ()
    if target_of(runner.name).family == "host":
        units = [suite.unit for suite in suites if suite.unit is not None]
        scans = scan_findings(subject, units, compiled)
    else:
        whole = next((s.rows for s in suites if s.unit is None), None)
        measurement = None if whole is None else runner.measure(whole[:MEASURED_ROWS])
    return TargetReport(
        target=runner.name,
        compiler=runner.compiler,
        comparisons=comparisons,
        tie_vectors=ties,
        wrong_ties=wrong,
        selftest=runner.selftest(),
        findings=(*runner.check(), *scans),
        measurement=measurement,
        explanation=explain_first(subject, runner, comparisons, suites, compiled),
    )


def _board_report(
    subject: Subject, board: BoardRunner, comparisons: tuple[Comparison, ...]
) -> TargetReport:
    """Return the report of a board, as far as it answered."""
    report = TargetReport(
        target=board.name,
        compiler=board.compiler,
        comparisons=comparisons,
        tie_vectors=0,
        wrong_ties=0,
        selftest=None,
        findings=board.check(),
        measurement=None,
        cut_off=comparisons[-1].cut_off,
        interrupted=board.interrupted,
    )
    free_ram = None
    if not report.cut_off:
        try:
            ties, wrong = _ties(subject, board, None) if board.info.has_argmax else (0, 0)
            report = replace(report, tie_vectors=ties, wrong_ties=wrong)
            report = replace(report, selftest=board.selftest())
            free_ram = board.link.identify().free_ram
        except LinkError as error:
            report = replace(report, cut_off=str(error))
        except KeyboardInterrupt:
            report = replace(report, cut_off="interrupted by Ctrl-C", interrupted=True)
    told = BoardReport(board.link.name, board.timing(), free_ram, board.link.counts)
    return replace(report, board=told)


def _ties(subject: Subject, runner: Runner, least: float | None) -> tuple[int, int]:
    """Return how many output vectors went into argmax and decide, and how many came out wrong.

    least: as for class_words; None where the runner knows no decision.
    """
    interface = subject.interface
    if not interface.has_argmax and least is None:
        return 0, 0  # no output has a class
    ties = tie_outputs(subject.artifact)
    found = runner.argmax(ties).astype(np.int64)
    words = class_words(ties, least, output_tensors(subject.artifact.graph))
    return len(ties), int((found != words).sum())
