"""The verification of a report: on which targets, with how many inputs, and what judges others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.footprint import footprint
from pyexport.ir import Dataset, Graph
from pyexport.report.page.opening import Opened
from pyexport.report.page.saved import Saved
from pyexport.report.page.searches import LONG, macs
from pyexport.runners import RUNNER_NAMES, Runner, available, open_runner, target_of
from pyexport.verify import ALL_SUITES, DEFAULT_SUITES
from pyexport.verify.document import report_document
from pyexport.verifying import VerifyOptions, verify_any

DEFAULT_TARGETS = ("host", "cortex-m0", "cortex-m4", "rv32imc", "atmega328p")
SUITES = (*DEFAULT_SUITES, "generated", "adversarial", "hunt")
VERIFIED = 4_000_000_000  # multiplications that a verification of one target may take
LEAST_VERIFIED = 400  # rows
ALL_VECTORS = 20_000  # more than the suites of a report have

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ReportOptions:
    """What a report is made of, and how."""

    model: Path | None = None
    dataset: Dataset | None = None  # real rows in place of those that the export stores
    dataset_name: str = ""
    targets: tuple[str, ...] = ()  # none: DEFAULT_TARGETS, or the one that the header is for
    every_target: bool = False  # all that run here
    suites: tuple[str, ...] = ()  # none: SUITES, or the first four of a large network
    vectors: int | None = None  # inputs of all suites; None: what the network's size allows
    seed: int = 0
    shape: str | None = None
    saved: Saved = field(default_factory=Saved)
    words: tuple[str, ...] = ()  # of the command line, to be told

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"the seed {self.seed} is negative; take 0 or more")
        for name in self.suites:
            if name not in ALL_SUITES:
                raise UsageError(f"suite {name!r} is unknown; use some of {', '.join(ALL_SUITES)}")


def run_verification(
    one: Opened,
    options: ReportOptions,
    graph: Graph | None,
    vectors: int | None,
    left_out: dict[str, str],
    progress: Progress,
) -> Mapping[str, Any]:
    targets, missing = _targets(one, options)
    if not targets:
        return _nothing_ran(one.export.artifact, missing)
    report = verify_any(
        one.verified,
        VerifyOptions(
            targets=targets,
            suites=chosen_suites(one.export.artifact, options),
            seed=options.seed,
            dataset=options.dataset,
            progress=lambda target, what: progress(f"{target}: {what}", 0, 0),
            vectors=vectors,
            model=graph,
            lenient=True,
            left_out=left_out,
        ),
    )
    return report_document(report, missing)


def chosen_suites(artifact: Artifact, options: ReportOptions) -> tuple[str, ...]:
    """Return the suites: those asked for, or all that are made in seconds."""
    return options.suites or (SUITES if macs(artifact) < LONG else DEFAULT_SUITES)


def affordable_vectors(artifact: Artifact, options: ReportOptions) -> int | None:
    """Return how many inputs a target gets: all that the suites have, if the network is small."""
    affordable = VERIFIED // macs(artifact)
    if options.vectors is not None or affordable >= ALL_VECTORS:
        return options.vectors
    return max(LEAST_VERIFIED, affordable)


def _targets(one: Opened, options: ReportOptions) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return where it runs, and why not on each other target that was thought of."""
    if options.targets:
        return options.targets, {}
    special = one.export.artifact.target
    if special is not None and not options.every_target:
        return (special,), {}
    wanted = RUNNER_NAMES if options.every_target else DEFAULT_TARGETS
    missing = {name: line for name in wanted if (line := _cannot_run(one, name)) is not None}
    return tuple(name for name in wanted if name not in missing), missing


def _cannot_run(one: Opened, name: str) -> str | None:
    """Return why a target cannot run the export: no tool, too little memory, another chip."""
    problem, artifact = available(name), one.export.artifact
    if problem is not None:
        return problem
    target = target_of(name)
    if artifact.target not in (None, name):
        return f"the header is for {artifact.target} alone"
    if not target.is_chip:
        return None
    needed = footprint(one.export, target)
    if needed.flash_bytes > target.flash_bytes:
        return f"it does not fit: {needed.flash_bytes:,} of {target.flash_bytes:,} bytes of flash"
    if needed.ram_bytes > target.ram_bytes:
        return f"it does not fit: {needed.ram_bytes:,} of {target.ram_bytes:,} bytes of RAM"
    return None


def _nothing_ran(artifact: Artifact, missing: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "name": artifact.name,
        "identity": artifact.identity,
        "ok": False,
        "problems": ["nothing was compared: no target can run it here"],
        "findings": [],
        "left_out": dict(missing),
        "targets": [],
    }


def verify_words(
    document: Mapping[str, Any],
    suites: tuple[str, ...],
    vectors: int | None,
    options: ReportOptions,
) -> tuple[str, ...]:
    """Return the words of the verification that was run."""
    words = [word for t in document["targets"] for word in ("--target", t["target"])]
    words += ["--suite", ",".join(suites), "--seed", str(options.seed)]
    words += [] if vectors is None else ["--vectors", str(vectors)]
    words += [] if not options.dataset_name else ["--dataset", options.dataset_name]
    return tuple(words)


@contextmanager
def judging(one: Opened, document: Mapping[str, Any]) -> Iterator[tuple[Runner | None, str, str]]:
    """Open what judges single inputs: this computer, or the first target that was verified."""
    names = ["host", *(t["target"] for t in document["targets"])]
    special = one.export.artifact.target
    names = [n for n in names if n in RUNNER_NAMES and special in (None, n)]
    problem = "no target can run it here"
    for name in names:
        problem = available(name) or ""
        if not problem:
            subject = one.subject
            runner = open_runner(name, subject.header, subject.interface, shown=subject.shown)
            yield runner, name, ""
            return
    yield None, "", problem
