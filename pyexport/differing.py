"""Opens the two sides of a comparison: files, simulators, chips and boards, named in one word."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from pyexport.artifact import read_artifact
from pyexport.errors import UsageError
from pyexport.frontends import load_model
from pyexport.pipeline import Export, ExportOptions, export_model, render_artifact
from pyexport.runners import RUNNER_NAMES, open_board, open_runner
from pyexport.sniff_artifact import is_artifact
from pyexport.verify import DEFAULT_SUITES, Subject, SuiteOptions, build_suites, subject_from_header
from pyexport.verify.difference import Difference, Side, compare_sides
from pyexport.verify.explain_sides import explain_sides
from pyexport.verifying import CHIP_SUITES

SIMULATOR = "simulator"


def diff(
    left: str,
    right: str,
    suites: tuple[str, ...] = DEFAULT_SUITES,
    seed: int = 0,
    random_rows: int | None = None,
) -> Difference:
    """Return how two sides differ on the suites of the left one.

    A side is FILE, or FILE@WHERE: a .h, a .px or a model file, and the simulator, a target, or the
    port of a board. Without WHERE a header runs on its own target or this computer, anything else
    in the simulator; without FILE it is the other side's.
    """
    names = _split(left), _split(right)
    files = [name[0] or other[0] for name, other in (names, names[::-1])]
    with ExitStack() as stack:
        sides = [
            stack.enter_context(_open(file, where, text))
            for file, (_, where), text in zip(files, names, (left, right), strict=True)
        ]
        rows = SuiteOptions() if all(s.runner is None for s in sides) else CHIP_SUITES
        options = SuiteOptions(
            random=rows.random if random_rows is None else random_rows,
            corners=rows.corners,
            dataset=rows.dataset,
            boundary=rows.boundary,
            made=rows.made,
            seed=seed,
        )
        built = build_suites(sides[0].artifact, suites, options)
        found = compare_sides(sides[0], sides[1], built)
        return replace(found, explanation=explain_sides(sides[0], sides[1], found))


def _split(text: str) -> tuple[str, str]:
    file, at, where = text.rpartition("@")
    return (file, where) if at else (text, "")


@contextmanager
def _open(file: str, where: str, label: str) -> Iterator[Side]:
    if not file:
        raise UsageError(f"{label}: name a file on at least one side, e.g. digits.px{label}")
    path = Path(file)
    is_header = path.suffix == ".h"
    subject = subject_from_header(path) if is_header else None
    exported = _export_of(path) if subject is None else None
    artifact = subject.artifact if subject is not None else exported.artifact  # type: ignore[union-attr]
    where = where or ((artifact.target or "host") if is_header else SIMULATOR)
    if where == SIMULATOR:
        yield Side(label, artifact)
        return
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        if subject is None:
            assert exported is not None  # one of both
            header = Path(folder) / f"{artifact.name}.h"
            header.write_text(exported.header, encoding="utf-8")
            subject = Subject(artifact, exported.program, header, file)
        if where in RUNNER_NAMES:
            runner = open_runner(where, subject.header, subject.interface, shown=file)
            yield Side(label, artifact, runner)
            return
        if "/" not in where and ":" not in where and not where.upper().startswith("COM"):
            raise UsageError(
                f"{label}: {where!r} is no place to run it; use {SIMULATOR}, the port of a board, "
                f"or one of {', '.join(RUNNER_NAMES)}"
            )
        board = open_board(where, subject.interface, artifact.identity)
        try:
            yield Side(label, artifact, board)
        finally:
            board.link.close()


def _export_of(path: Path) -> Export:
    if is_artifact(path):
        return render_artifact(read_artifact(path))
    return export_model(load_model(path), ExportOptions("model"))
