"""pyexport attack: inputs near a start that the model takes for another class."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pyexport.cli.common import JsonOption, out, plain_table, print_json, say
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
    refuse_differences,
    rows_of,
    say_written,
    write_and_say,
)
from pyexport.gradients import of_graph
from pyexport.pairing import load_pair
from pyexport.report.attacked import attack_files
from pyexport.report.generated import firmware_word
from pyexport.report.shapes import shape_of
from pyexport.verify.near import Near, NearOptions, near_starts
from pyexport.verify.pair import Pair, Verdicts, judge
from pyexport.verify.starts import choose_starts, class_number


def attack_command(
    model: Annotated[Path, typer.Argument(help="The model file that was, or will be, exported.")],
    artifact: ArtifactOption = None,
    output: OutputOption = Path("attacked"),
    start: Annotated[
        str | None, typer.Option("--from", help="Class of the starts, by number or label.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Class to reach; default: each other one in turn.")
    ] = None,
    starts: Annotated[int, typer.Option(help="How many starts.")] = 20,
    rows: RowsOption = None,
    keep_near: Annotated[
        float, typer.Option(help="First weight of the squared distance, in spans of the input.")
    ] = 5.0,
    rounds: Annotated[int, typer.Option(help="Descents, each with a better weight.")] = 8,
    steps: Annotated[int, typer.Option(help="Steps of a descent.")] = 100,
    seed: SeedOption = 0,
    shape: ShapeOption = None,
    target: TargetOption = "host",
    pictures: PicturesOption = True,
    json: JsonOption = False,
) -> None:
    """Change starts as little as possible until the model gives them another class."""
    options = NearOptions(rounds, steps, keep_near=keep_near)
    with progress_bar(json) as report:
        pair, exported = load_pair(model, artifact)
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
        climbed = of_graph(pair.graph)
        found = near_starts(pair, climbed, chosen.rows, chosen.targets, options, report, known)
        with judging(exported, target) as runner:
            verdicts = judge(pair, found.rows, runner)
        how = f"{rounds} descents of {steps} steps on the float model, then on legal inputs"
        where = None if target == "none" else target
        files = attack_files(pair, found, verdicts, drawn, how, where, pictures)
    paths = write_and_say(output, files)
    if json:
        print_json(_document(pair, found, verdicts, paths))
    else:
        _print(pair, found, verdicts, where)
        say_written(paths)
    refuse_differences(pair, verdicts.wrong_rows, len(found.rows), target)


def _print(pair: Pair, found: Near, verdicts: Verdicts, target: str | None) -> None:
    before = pair.integer_classes(found.starts)
    table = plain_table("from", "to", ">starts", ">reached", ">median L2", ">least L2", ">most L2")
    for first, last in sorted(set(zip(before.tolist(), found.targets.tolist(), strict=True))):
        chosen = (before == first) & (found.targets == last)
        cells = [str(int(chosen.sum())), percent(float(found.succeeded[chosen].mean()))]
        distance = found.distance[chosen & found.succeeded]
        cells += [f"{f(distance):.3g}" if len(distance) else "" for f in (np.median, min, max)]
        table.add_row(pair.labels[first], pair.labels[last], *cells)
    out.print(table)
    by = {"float": "float", pair.artifact.scheme: "integer"}
    if target:
        by[firmware_word(target)] = "firmware"
    said = [f"{name} {percent(verdicts.share(found.targets, key))}" for name, key in by.items()]
    say(f"\nreach their class: {', '.join(said)}; median L2 distance {found.median:.4g}")
    if target:
        wrong = verdicts.wrong_rows
        say(f"{firmware_word(target)} = simulator: {wrong} of {len(found.rows)} rows differ")


def _document(pair: Pair, found: Near, verdicts: Verdicts, paths: list[str]) -> dict[str, Any]:
    firmware = verdicts.firmware_classes
    return {
        "name": pair.artifact.name,
        "identity": pair.artifact.identity,
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
            }
            for i in range(len(found.rows))
        ],
        "differing_rows": verdicts.wrong_rows,
        "files": paths,
    }
