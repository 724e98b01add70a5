"""Verifies what is given: a header on disk, an artifact, an export in memory or a model file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyexport import __version__
from pyexport.artifact import Artifact, Samples, read_artifact
from pyexport.frontends import load_model
from pyexport.ir import Dataset, Graph, Model
from pyexport.passes import run_passes
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.real_inputs import device_rows
from pyexport.runners import Finding, open_board, target_of
from pyexport.sniff_artifact import is_artifact
from pyexport.verify import (
    DEFAULT_SUITES,
    Report,
    Subject,
    Suite,
    SuiteOptions,
    build_suites,
    subject_from_header,
    verify_subject,
)
from pyexport.verify.budget import thinned
from pyexport.verify.subject import uses_own_templates
from pyexport.verify.text import not_compared, printed_by, text_finding
from pyexport.verify.units import make_units

if TYPE_CHECKING:
    from pyexport.runners.board import BoardRunner

# On an emulated chip an inference takes milliseconds, on the host microseconds: with these a
# default verification of a small network takes seconds on each chip.
CHIP_SUITES = SuiteOptions(random=1_000, corners=200, dataset=500, boundary=300, made=50)


@dataclass(frozen=True)
class VerifyOptions:
    """What a verification runs on, and on which inputs."""

    targets: tuple[str, ...] = ()  # none: the one that the header was made for, or this computer
    suites: tuple[str, ...] = DEFAULT_SUITES
    compiler: str | None = None  # None: the target's own
    optimize: str | None = None
    seed: int = 0
    random_rows: int | None = None  # None: as many as the kind of target allows
    dataset: Dataset | None = None  # None: the rows that the artifact stores
    progress: Callable[[str, str], None] = lambda target, what: None
    port: str | None = None  # serial port, or socket://HOST:PORT, of a board that runs the header
    patience: float | None = None  # seconds that a board may take for an answer; None: 10
    vectors: int | None = None  # of all suites together; None: as many as they have
    model: Graph | None = None  # the float model, where it is known
    lenient: bool = False  # leave a suite out that this model cannot have
    left_out: dict[str, str] = field(default_factory=dict)  # which were, and why


def verify_any(subject: Artifact | Export | str | Path, options: VerifyOptions) -> Report:
    """Return the report of a .h (that very file), a .px, a model file, or an export in memory."""
    if isinstance(subject, str | Path) and Path(subject).suffix == ".h":
        on_disk = subject_from_header(Path(subject))
        return _verify(on_disk, options, _text_of(on_disk))
    exported = _as_export(subject)
    name = exported.artifact.name
    title = str(subject) if isinstance(subject, str | Path) else f"{name}.h (in memory)"
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{name}.h"
        header.write_text(exported.header, encoding="utf-8")
        return _verify(Subject(exported.artifact, exported.program, header, title), options, None)


def _as_export(subject: Artifact | Export | str | Path) -> Export:
    if isinstance(subject, Export):
        return subject
    if isinstance(subject, Artifact):
        return render_artifact(subject)
    path = Path(subject)
    if is_artifact(path):
        return render_artifact(read_artifact(path))
    return export_model(load_model(path), ExportOptions("model"))


def float_graph(model: Any) -> Graph | None:
    """Return the float graph of a model or its file; None for an export, which holds none."""
    if isinstance(model, Model):
        return run_passes(model.graph)
    if not isinstance(model, str | Path):
        return None
    path = Path(model)
    return None if path.suffix == ".h" or is_artifact(path) else run_passes(load_model(path).graph)


def _text_of(subject: Subject) -> Finding:
    """Return whether the header on disk is what this pyexport prints for its artifact."""
    if uses_own_templates(subject.artifact):
        return not_compared("the header was printed from templates of its own")
    text = subject.header.read_text(encoding="utf-8")
    version = printed_by(text)
    if version != __version__:
        return not_compared(
            f"the header was printed by pyexport {version or 'of unknown version'}, "
            f"this is {__version__}"
        )
    return text_finding(text, render_artifact(subject.artifact).header)


def _verify(subject: Subject, options: VerifyOptions, text: Finding | None) -> Report:
    artifact = with_dataset(subject.artifact, options.dataset)
    subject = replace(subject, artifact=artifact)
    made: dict[bool, tuple[Suite, ...]] = {}
    folder = tempfile.TemporaryDirectory(prefix="pyexport-")
    units: tuple[Subject, ...] = ()
    if "unit" in options.suites:
        units = make_units(subject, Path(folder.name), options.left_out)

    def suites_of(target: str) -> tuple[Suite, ...]:
        is_chip = target not in targets or target_of(target).is_chip
        if is_chip not in made:
            rows = CHIP_SUITES if is_chip else SuiteOptions()
            if options.random_rows is not None:
                rows = replace(rows, random=options.random_rows)
            rows = replace(rows, seed=options.seed, model=options.model)
            left_out = options.left_out if options.lenient else None
            suites = build_suites(artifact, options.suites, rows, units, left_out)
            if options.vectors is not None:
                suites = thinned(suites, options.vectors)
            made[is_chip] = suites
        return made[is_chip]

    default = () if options.port is not None else (artifact.target or "host",)
    targets = options.targets or default
    with folder, _board(subject, options) as board:
        return verify_subject(
            subject,
            targets,
            suites_of,
            options.progress,
            compiler=options.compiler,
            optimize=options.optimize,
            text=text,
            board=board,
        )


@contextmanager
def _board(subject: Subject, options: VerifyOptions) -> Iterator[BoardRunner | None]:
    """Open the board to verify, if there is one, and close it in the end."""
    if options.port is None:
        yield None
        return
    board = open_board(
        options.port,
        subject.interface,
        subject.artifact.identity,
        patience=options.patience,
        progress=lambda done, rows: options.progress(str(options.port), f"row {done} of {rows}"),
    )
    try:
        yield board
    finally:
        board.link.close()


def with_dataset(artifact: Artifact, dataset: Dataset | None) -> Artifact:
    """Return the artifact with other evaluation rows; None keeps those it stores."""
    if dataset is None:
        return artifact
    rows = device_rows(artifact, dataset.inputs)
    return replace(artifact, samples=Samples(rows, dataset.targets))
