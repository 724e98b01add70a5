"""pyexport report: one self-contained HTML file about an export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pyexport.cli.common import JsonOption, err, print_json, say
from pyexport.cli.making import SeedOption, ShapeOption, progress_bar
from pyexport.cli.verify import read_rows
from pyexport.errors import CheckFailedError, UsageError
from pyexport.report.page.comparing import DEFAULT_TARGETS, SUITES, ReportOptions
from pyexport.report.page.document import report_figures
from pyexport.report.page.gather import gather
from pyexport.report.page.render import render_page
from pyexport.report.page.saved import read_saved
from pyexport.report.page.verdict import verdict
from pyexport.runners import RUNNER_NAMES
from pyexport.verify import ALL_SUITES, DEFAULT_SUITES
from pyexport.writing import write_together


def report_command(
    subject: Annotated[
        Path, typer.Argument(help="NAME.h (that file, NAME.px beside it), NAME.px or a model file.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            help="The model file that it was exported from; default: that beside it, by its hash."
        ),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Real rows instead of the stored ones.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Target to run on, repeatable; all: every one that runs here; default: "
            f"{', '.join(DEFAULT_TARGETS)}, as far as they run here."
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help=f"Suites of inputs, separated by commas; default: {','.join(SUITES)}, of a large "
            f"network {','.join(DEFAULT_SUITES)}."
        ),
    ] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="All suites that this model can have.")
    ] = False,
    vectors: Annotated[
        int | None,
        typer.Option(help="Rows of all suites together; default: what the network's size allows."),
    ] = None,
    saved: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="What `verify --json` printed, or the .npz of generate, attack or hunt, or a "
            "folder of these, repeatable: taken instead of run.",
        ),
    ] = None,
    seed: SeedOption = 0,
    shape: ShapeOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default NAME.report.html.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write one HTML file: verdict, sizes, accuracy, comparisons, generated inputs, layers."""
    if output is not None and output.suffix not in (".html", ".htm"):
        raise UsageError(f"--output {output}: name a file that ends in .html")
    rows = None if dataset is None else read_rows(dataset, subject)
    options = ReportOptions(
        model=model,
        dataset=rows,
        dataset_name="" if dataset is None else dataset.name,
        targets=_targets(target or []),
        every_target="all" in (target or []),
        suites=_suites(suite, thorough),
        vectors=vectors,
        seed=seed,
        shape=shape,
        saved=read_saved(saved or []),
        words=_words(target or [], suite, thorough, vectors, seed, shape, saved or []),
    )
    with progress_bar(json) as progress:
        material = gather(subject, options, progress)
    page = render_page(material)
    path = output or Path(f"{material.artifact.name}.report.html")
    (written,) = write_together(path.parent, {path.name: page.encode()})
    found = verdict(material)
    if json:
        print_json(report_figures(material) | {"files": [str(written)]})
    else:
        for limit in found.limits:
            err.print(limit, markup=False)
        if found.ok:
            say(f"PASS {found.sentence}")
        say(f"wrote {written}")
    if not found.ok:
        raise CheckFailedError(f"{subject}: {found.sentence}")


def _targets(names: list[str]) -> tuple[str, ...]:
    """Return the targets that are named; none stands for the default or for all."""
    for name in names:
        if name not in ("all", *RUNNER_NAMES):
            raise UsageError(
                f"target {name!r} is unknown; use all or some of {', '.join(RUNNER_NAMES)}"
            )
    return () if "all" in names else tuple(dict.fromkeys(names))


def _suites(text: str | None, thorough: bool) -> tuple[str, ...]:
    """Return the suites that are named; none stands for the default."""
    if thorough:
        return ALL_SUITES
    return () if text is None else tuple(text.split(","))


def _words(
    targets: list[str],
    suite: str | None,
    thorough: bool,
    vectors: int | None,
    seed: int,
    shape: str | None,
    saved: list[Path],
) -> tuple[str, ...]:
    """Return the options as they can be typed again; of paths the names only."""
    given: list[tuple[str, Any]] = [("--target", name) for name in targets]
    given += [("--suite", suite)] if suite is not None and not thorough else []
    given += [("--vectors", vectors)] if vectors is not None else []
    given += [("--shape", shape)] if shape is not None else []
    given += [("--from", path.name) for path in saved]
    words = [str(word) for pair in given for word in pair]
    return (*words, *(["--thorough"] if thorough else []), "--seed", str(seed))
