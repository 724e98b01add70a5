"""pyexport generate: what a model takes for each class, from black and from noise."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pyexport.cli.common import InputRangeOption, JsonOption, out, plain_table, print_json, say
from pyexport.cli.making import (
    ArtifactOption,
    OutputOption,
    PicturesOption,
    SeedOption,
    ShapeOption,
    TargetOption,
    judging,
    percent,
    progress_bar,
    read_model,
    refuse_differences,
    say_written,
    write_and_say,
)
from pyexport.cli.reading import PLAIN, Reading, reads_model
from pyexport.errors import UsageError
from pyexport.gradients import of_graph
from pyexport.pairing import load_pair
from pyexport.report.generated import firmware_word, generated_files
from pyexport.report.shapes import shape_of
from pyexport.verify.descent import Descent
from pyexport.verify.generated import GROWTH, Generated, GenerateOptions, generate
from pyexport.verify.pair import Pair, Verdicts
from pyexport.verify.starts import class_number

HOW = "steps of gradient descent on the input of the float model"


@reads_model
def generate_command(
    model: Annotated[Path, typer.Argument(help="The model file that was, or will be, exported.")],
    artifact: ArtifactOption = None,
    input_range: InputRangeOption = None,
    output: OutputOption = Path("generated"),
    classes: Annotated[
        str | None, typer.Option(help="Some classes, by number or label, separated by commas.")
    ] = None,
    composite: Annotated[
        int, typer.Option(help="Inputs grown from noise for each class; 0: none.")
    ] = 1_000,
    steps: Annotated[int, typer.Option(help="Most steps of gradient descent.")] = 120,
    rate: Annotated[float, typer.Option(help="Step size, as a share of the input's span.")] = 0.02,
    batch: Annotated[
        int | None, typer.Option(help="Inputs that grow at once; by default what a cache holds.")
    ] = None,
    seed: SeedOption = 0,
    shape: ShapeOption = None,
    target: TargetOption = "host",
    pictures: PicturesOption = True,
    reading: Reading = PLAIN,
    json: JsonOption = False,
) -> None:
    """Make the optimal input of each class and the mean of many grown from noise; judge them."""
    descents = Descent(steps, rate), replace(GROWTH, steps=steps, rate=rate)
    with progress_bar(json) as report:
        source, ranges = read_model(model, reading, artifact, input_range)
        pair, exported = load_pair(source, artifact, **ranges)
        drawn = shape_of(pair.artifact, shape)
        options = GenerateOptions(_numbers(pair, classes), composite, *descents, batch, seed)
        with judging(exported, target) as runner:
            made = generate(pair, of_graph(pair.graph, np.float32), runner, options, report)
        most = "at most " if steps > GROWTH.least else ""
        how = f"{steps} {HOW}", f"{most}{steps} {HOW}"
        where = None if target == "none" else target
        files = generated_files(pair, made, drawn, how, where, pictures)
    paths = write_and_say(output, files)
    if json:
        print_json(_document(pair, made, paths))
    else:
        _print(pair, made, where)
        say_written(paths)
    refuse_differences(pair, made.wrong_rows, made.rows, target)


def _numbers(pair: Pair, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    found = [class_number(pair, part, "--classes") for part in text.split(",")]
    numbers = tuple(number for number in found if number is not None)
    if len(set(numbers)) != len(numbers):
        raise UsageError(f"--classes {text!r} names a class twice")
    return numbers


def _print(pair: Pair, made: Generated, target: str | None) -> None:
    scheme = pair.artifact.scheme
    names = ["float", scheme] + ([firmware_word(target)] if target else [])
    many = len(made.grown_targets)
    heads = [f">black: {names[0]}", *(f">{name}" for name in names[1:])]
    heads += [f">noise: {names[0]}", *heads[1:], ">mean"] if many else []
    table = plain_table("class", *heads)
    for row, number in enumerate(made.classes):
        cells = [pair.labels[number] for number in _answers(made.optimal, row)]
        if many:
            shares = [made.share(number, by) for by in ("float", "integer", "firmware")]
            cells += [percent(share) for share in shares[: len(names)]]
            cells.append(_same_or_all(pair, _answers(made.means, row)))
        table.add_row(pair.labels[number], *cells)
    out.print(table)
    if target:
        say(f"\n{firmware_word(target)} = simulator: {made.wrong_rows} of {made.rows} rows differ")


def _document(pair: Pair, made: Generated, paths: list[str]) -> dict[str, Any]:
    grown = len(made.grown_targets) > 0
    has_firmware = made.optimal.firmware_classes is not None
    by = ("float", "integer", "firmware")[: 2 + has_firmware]
    results = []
    for row, number in enumerate(made.classes):
        result: dict[str, Any] = {"class": number, "grown_share": None, "composite": None}
        result["optimal"] = dict(zip(by, _answers(made.optimal, row), strict=True))
        if grown:
            result["grown_share"] = {name: made.share(number, name) for name in by}
            result["composite"] = dict(zip(by, _answers(made.means, row), strict=True))
        results.append(result)
    return {
        "name": pair.artifact.name,
        "identity": pair.artifact.identity,
        "classes": results,
        "grown_rows": len(made.grown_targets),
        "differing_rows": made.wrong_rows,
        "files": paths,
    }


def _answers(verdicts: Verdicts, row: int) -> list[int]:
    """Return the class that float model, simulator and, where it ran, firmware give a row."""
    said = [verdicts.float_classes, verdicts.integer_classes]
    said += [] if verdicts.firmware_classes is None else [verdicts.firmware_classes]
    return [int(classes[row]) for classes in said]


def _same_or_all(pair: Pair, answers: list[int]) -> str:
    """Return the class that all give, or what each says."""
    return " / ".join(pair.labels[number] for number in dict.fromkeys(answers))
