"""What generate, attack and hunt share: options, a progress bar, and what is printed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pyexport.artifact import quantize_inputs, read_artifact
from pyexport.cli.common import err, parse_ranges, say
from pyexport.cli.reading import Reading
from pyexport.errors import CheckFailedError, UsageError
from pyexport.frontends import read_samples
from pyexport.ir import Array, Model
from pyexport.layout import user_shape
from pyexport.pairing import firmware
from pyexport.pipeline import Export
from pyexport.runners import Runner, available
from pyexport.sniff_artifact import is_artifact
from pyexport.verify.pair import Pair
from pyexport.writing import write_together

ArtifactOption = Annotated[
    Path | None,
    typer.Option("--artifact", help="NAME.px of an export of this model; else it is exported."),
]
OutputOption = Annotated[Path, typer.Option("--output", help="Folder for what is written.")]
ShapeOption = Annotated[
    str | None,
    typer.Option("--shape", help="How inputs are drawn: 8x8, 28x28x1, or 64 for a curve."),
]
TargetOption = Annotated[
    str, typer.Option("--target", help="Where the firmware judges: host, a chip, or none.")
]
PicturesOption = Annotated[
    bool, typer.Option("--pictures/--no-pictures", help="Draw PNG sheets and GIFs.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed; the same gives the same rows.")]
RowsOption = Annotated[
    Path | None, typer.Option("--rows", help="Rows to start from; default: the stored ones.")
]
Report = Callable[[str, int, int], None]


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Report]:
    """Show a bar on standard error while something runs, and take it away at the end.

    There is none where standard error is no terminal, or if quiet.
    """
    hidden = quiet or not err.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=hidden) as bar:
        task = bar.add_task("starting", total=None)

        def report(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        yield report


@contextmanager
def judging(exported: Export, target: str) -> Iterator[Runner | None]:
    """Open the runner that judges; None for the target "none"."""
    if target == "none":
        with nullcontext():
            yield None
        return
    problem = available(target)
    if problem is not None:
        raise UsageError(f"{problem}; --target none leaves the firmware out")
    with firmware(exported, target) as runner:
        yield runner


def read_model(
    model: Path, reading: Reading, artifact: Path | None, texts: list[str] | None
) -> tuple[Model, dict[str, Any]]:
    """Return a model file's model, and what `load_pair` takes of --input-range besides.

    With an artifact, what a NIR file leaves open is what was said when that was exported.
    """
    if is_artifact(model):
        raise UsageError(
            f"{model}: an artifact holds the integer model only; name the model file that it was "
            "exported from, and this one with --artifact"
        )
    reading.check()
    declared = parse_ranges(texts)
    if artifact is None:
        ranges = {} if declared is None else {"input_range": declared}
        return reading.load(model, declared), ranges
    if declared is not None:
        raise UsageError(
            f"--input-range and --artifact {artifact}: it was exported with a range; leave out one"
        )
    options = read_artifact(artifact).options
    pairs = pairwise(options)
    declared = parse_ranges([value for word, value in pairs if word == "--input-range"])
    return reading.of_export(options, str(artifact)).load(model, declared), {}


def rows_of(pair: Pair, path: Path | None) -> tuple[Array, Array | None]:
    """Return rows of the device's integers and their classes where known."""
    artifact = pair.artifact
    if path is not None:
        dataset = read_samples(path, user_shape(artifact.graph.input), "start")
        return quantize_inputs(artifact, dataset), dataset.targets
    if artifact.samples is None or not len(artifact.samples.inputs):
        raise UsageError(
            f"{artifact.name}: the model stores no evaluation rows; give some with --rows FILE"
        )
    targets = artifact.samples.targets
    return artifact.samples.inputs, None if targets is None or targets.ndim > 1 else targets


def write_and_say(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write the files and return their paths."""
    return [str(path) for path in write_together(folder, files)]


def say_written(paths: list[str]) -> None:
    """Print what was written."""
    for path in paths:
        say(f"wrote {path}")


def refuse_differences(pair: Pair, wrong_rows: int, of: int, target: str) -> None:
    """Raise CheckFailedError if firmware and simulator differ: a bug was found."""
    if wrong_rows:
        raise CheckFailedError(
            f"{pair.artifact.name}: on {target} {wrong_rows} of {of} rows differ from the "
            "simulator; `pyexport verify` shows where"
        )


def percent(share: float) -> str:
    """Return a share as text, empty where nothing was asked."""
    return "" if np.isnan(share) else f"{100 * share:.1f} %"
