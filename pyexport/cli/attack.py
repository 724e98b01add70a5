"""pyexport attack: inputs near a start that the model takes for another class."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pyexport.cli.common import InputRangeOption, JsonOption, out, plain_table, print_json, say
from pyexport.cli.making import (
    ArtifactOption,
    OutputOption,
    PicturesOption,
    RowsOption,
    SeedOption,
    ShapeOption,
    TargetOption,
    judging,
    percent,
    progress_bar,
    read_model,
    refuse_differences,
    rows_of,
    say_written,
    write_and_say,
)
from pyexport.cli.reading import PLAIN, Reading, reads_model
from pyexport.errors import UsageError
from pyexport.pairing import load_pair
from pyexport.pipeline import Export
from pyexport.report.attacked import attack_files
from pyexport.report.generated import firmware_word
from pyexport.report.shapes import shape_of
from pyexport.runners import Runner, open_board
from pyexport.verify.attack import METHODS, AttackOptions, attack, how
from pyexport.verify.goal import Attacked
from pyexport.verify.pair import Pair, Verdicts, judge
from pyexport.verify.starts import choose_starts, class_number
from pyexport.verify.subject import header_interface

# option -> the methods that it says something to; the others would ignore it
_TAKEN = {
    "--untargeted": METHODS,
    "--gradients": ("near", "fgsm", "pgd", "minimal"),
    "--on": ("near", "fgsm", "pgd", "minimal"),
    "--norm": ("fgsm", "pgd"),
    "--epsilon": ("fgsm", "pgd"),
    "--steps": ("near", "pgd", "minimal"),
    "--restarts": ("pgd",),
    "--rounds": ("near",),
    "--keep-near": ("near",),
    "--queries": ("query",),
    "--port": ("query",),
    "--patience": ("query",),
}


@reads_model
def attack_command(
    model: Annotated[Path, typer.Argument(help="The model file that was, or will be, exported.")],
    method: Annotated[
        str, typer.Option(metavar="NAME", help=f"The attack: {', '.join(METHODS)}.")
    ] = "near",
    artifact: ArtifactOption = None,
    input_range: InputRangeOption = None,
    output: OutputOption = Path("attacked"),
    start: Annotated[
        str | None, typer.Option("--from", help="Class of the starts, by number or label.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Class to reach; default: each other one in turn.")
    ] = None,
    untargeted: Annotated[
        bool, typer.Option("--untargeted", help="Any class but the start's own will do.")
    ] = False,
    starts: Annotated[int, typer.Option(help="How many starts.")] = 20,
    rows: RowsOption = None,
    gradients: Annotated[
        str | None,
        typer.Option(help="Of the float model (default), or straight through the integer one."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(help="Which must be fooled: float, integer, both; near: both, else integer."),
    ] = None,
    norm: Annotated[str | None, typer.Option(help="linf (default) or l2, of fgsm and pgd.")] = None,
    epsilon: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Longest distance of fgsm and pgd, in the input's unit, or in bytes: 8b; "
            "default: an eighth of the input's span.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Of a descent; default: near 100, pgd 40, minimal 300.")
    ] = None,
    restarts: Annotated[
        int | None, typer.Option(help="Descents of pgd, all but the first from a random place.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Descents of near, each with a better weight; default 8.")
    ] = None,
    keep_near: Annotated[
        float | None,
        typer.Option(help="First weight of near's squared distance, in spans; default 5."),
    ] = None,
    queries: Annotated[
        int | None, typer.Option(help="Most inferences of query for each start; default 1000.")
    ] = None,
    port: Annotated[
        str | None,
        typer.Option(help="Query and judge a board: its serial port, or socket://HOST:PORT."),
    ] = None,
    patience: Annotated[
        float | None, typer.Option(help="Seconds that a board may take to answer; default 10.")
    ] = None,
    seed: SeedOption = 0,
    shape: ShapeOption = None,
    target: TargetOption = "host",
    pictures: PicturesOption = True,
    reading: Reading = PLAIN,
    json: JsonOption = False,
) -> None:
    """Change starts as little as possible until the model gives them another class."""
    given = {
        "--untargeted": untargeted or None, "--gradients": gradients, "--on": on, "--norm": norm,
        "--epsilon": epsilon, "--steps": steps, "--restarts": restarts, "--rounds": rounds,
        "--keep-near": keep_near, "--queries": queries, "--port": port, "--patience": patience,
    }  # fmt: skip
    _refuse_unused(method, given)
    if untargeted and to is not None:
        raise UsageError("--untargeted and --to: an attack has one goal; leave one of them out")
    size, in_bytes = _epsilon(epsilon)
    options = AttackOptions(
        method, untargeted, gradients or "float", on, norm or "linf", size, in_bytes, steps,
        1 if restarts is None else restarts, 8 if rounds is None else rounds,
        5.0 if keep_near is None else keep_near, 1_000 if queries is None else queries, seed,
    )  # fmt: skip
    with progress_bar(json) as report:
        source, ranges = read_model(model, reading, artifact, input_range)
        pair, exported = load_pair(source, artifact, **ranges)
        drawn = shape_of(pair.artifact, shape)
        known, truth = rows_of(pair, rows)
        chosen = choose_starts(
            pair,
            known,
            truth,
            count=starts,
            start=class_number(pair, start, "--from"),
            target=class_number(pair, to, "--to"),
            seed=seed,
        )
        with _judge(exported, target, port, patience) as (runner, where):
            found = attack(pair, chosen, options, report, known, runner, drawn.sizes)
            verdicts = judge(pair, found.rows, runner)
        files = attack_files(pair, found, verdicts, drawn, how(options), where, pictures)
    paths = write_and_say(output, files)
    if json:
        print_json(_document(pair, found, verdicts, paths, options))
    else:
        _print(pair, found, verdicts, where)
        say_written(paths)
    refuse_differences(pair, verdicts.wrong_rows, len(found.rows), port or target)


@contextmanager
def _judge(
    exported: Export, target: str, port: str | None, patience: float | None
) -> Iterator[tuple[Runner | None, str | None]]:
    """Open what judges, and is asked by a query attack: a target or a board, and its name."""
    if port is None:
        if patience is not None:
            raise UsageError("--patience is for a board; name its port with --port")
        with judging(exported, target) as runner:
            yield runner, None if target == "none" else target
        return
    interface = header_interface(exported.artifact, exported.program)
    board = open_board(port, interface, exported.artifact.identity, patience=patience)
    with closing(board.link):
        yield board, board.name


def _refuse_unused(method: str, given: dict[str, Any]) -> None:
    if method not in METHODS:
        return  # it is refused itself
    for option, value in given.items():
        if value is not None and method not in _TAKEN[option]:
            raise UsageError(
                f"{option} says nothing to --method {method}; it is for {', '.join(_TAKEN[option])}"
            )


def _epsilon(text: str | None) -> tuple[float | None, bool]:
    """Return a distance such as 0.5 or 8b, and whether it counts bytes."""
    if text is None:
        return None, False
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?(?:e-?\d{1,2})?)(b?)", text, re.ASCII)
    if found is None or not float(found[1]) > 0.0:
        raise UsageError(f"--epsilon {text[:40]!r} is no distance; write e.g. 0.5, or 8b for bytes")
    return float(found[1]), bool(found[2])


def _print(pair: Pair, found: Attacked, verdicts: Verdicts, target: str | None) -> None:
    before = pair.integer_classes(found.starts)
    heads = [">starts", ">reached", ">median L2", ">least L2", ">most L2", ">median Linf"]
    heads += [] if found.queries is None else [">mean queries"]
    table = plain_table("from", "to", *heads)
    moved = np.abs(pair.real(found.rows) - pair.real(found.starts)).max(axis=1)
    for first, last in sorted(set(zip(before.tolist(), found.targets.tolist(), strict=True))):
        chosen = (before == first) & (found.targets == last)
        cells = [str(int(chosen.sum())), percent(float(found.succeeded[chosen].mean()))]
        reached = chosen & found.succeeded
        far = [f(found.distance[reached]) for f in (np.median, min, max)] if reached.any() else []
        far += [np.median(moved[reached])] if reached.any() else []
        cells += [f"{value:.3g}" for value in far] or [""] * 4
        cells += [] if found.queries is None else [f"{found.queries[chosen].mean():.0f}"]
        goal = pair.labels[last] if found.targeted else "any other"
        table.add_row(pair.labels[first], goal, *cells)
    out.print(table)
    by = {"float": verdicts.float_classes, pair.artifact.scheme: verdicts.integer_classes}
    if target and verdicts.firmware_classes is not None:
        by[firmware_word(target)] = verdicts.firmware_classes
    said = [f"{name} {percent(found.hit_share(classes))}" for name, classes in by.items()]
    what = "reach their class" if found.targeted else "leave their class"
    median = "none" if np.isnan(found.median) else f"{found.median:.4g}"
    say(f"\n{what}: {', '.join(said)}; median L2 distance {median}")
    if target:
        wrong = verdicts.wrong_rows
        say(f"{firmware_word(target)} = simulator: {wrong} of {len(found.rows)} rows differ")


def _document(
    pair: Pair, found: Attacked, verdicts: Verdicts, paths: list[str], options: AttackOptions
) -> dict[str, Any]:
    firmware = verdicts.firmware_classes
    return {
        "name": pair.artifact.name,
        "identity": pair.artifact.identity,
        "method": options.method,
        "targeted": found.targeted,
        "starts": len(found.starts),
        "succeeded": int(found.succeeded.sum()),
        "median_distance": None if np.isnan(found.median) else found.median,
        "rows": [
            {
                "target": int(found.targets[i]),
                "float": int(verdicts.float_classes[i]),
                "integer": int(verdicts.integer_classes[i]),
                "firmware": None if firmware is None else int(firmware[i]),
                "succeeded": bool(found.succeeded[i]),
                "distance": float(found.distance[i]),
                "queries": None if found.queries is None else int(found.queries[i]),
            }
            for i in range(len(found.rows))
        ],
        "differing_rows": verdicts.wrong_rows,
        "files": paths,
    }
