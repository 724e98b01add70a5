"""pyexport inspect: what a model or an artifact holds, layer by layer, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from pyexport.artifact import Artifact, read_artifact
from pyexport.board_fits import BoardFit, board_fits
from pyexport.cli.common import (
    InputRangeOption,
    JsonOption,
    out,
    parse_ranges,
    plain_table,
    print_json,
    say,
    warn,
)
from pyexport.cli.contents import contents_document, format_line, print_contents
from pyexport.cli.costs import costings, costs_document, print_costs
from pyexport.cli.memory import (
    check_svg_name,
    fits_document,
    memory_document,
    print_fits,
    print_memory,
    write_memory_svg,
)
from pyexport.cli.reading import PLAIN, Reading, reads_model
from pyexport.describe import network_title, stated_lines
from pyexport.errors import PyexportError, UnsupportedOperatorError, UsageError
from pyexport.frontends.contents import read_contents
from pyexport.input_ranges import Declared
from pyexport.integer.facts import snn_facts
from pyexport.layer_rows import layer_rows
from pyexport.lower import lower
from pyexport.memory_picture import memory_picture
from pyexport.pipeline import ExportOptions, export_model
from pyexport.program import Program
from pyexport.rows import input_tensors, is_single, output_tensors
from pyexport.sniff_artifact import is_artifact
from pyexport.statements import statements_document
from pyexport.targets import get_target
from pyexport.untrusted import printable

SPIKES_NOTE = (
    "MACs of neurons that read spikes: additions, if every input fires in every step; in and out\n"
    "are of all steps"
)


@reads_model
def inspect_command(
    model: Annotated[Path, typer.Argument(help="A model file, or the .px file of an export.")],
    reading: Reading = PLAIN,
    input_range: InputRangeOption = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Also print where each buffer lies, and when.")
    ] = False,
    memory_svg: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the memory plan.")
    ] = None,
    fits: Annotated[
        bool, typer.Option("--fits", help="Also list which boards have the memory for it.")
    ] = False,
    cost: Annotated[
        bool,
        typer.Option("--cost", help="Also print instructions or cycles, layer by layer."),
    ] = False,
    target: Annotated[
        str | None, typer.Option(help="Chip for --cost; default: that of the file, or all.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a file holds and costs, or all that an export would refuse of it."""
    if memory_svg is not None:
        check_svg_name(memory_svg)
    if target is not None:
        get_target(target)
        if not cost:
            raise UsageError("--target belongs to --cost")
    if is_artifact(model):
        if said := (*reading.words(), *(["--input-range"] if input_range else [])):
            raise UsageError(
                f"{said[0]} is for a model file; {printable(model)} is an export, which has its own"
            )
        costs = _costs(read_artifact(model), ())
        held: dict[str, Any] = {"format": "pyexport artifact", "refusals": []}
    else:
        reading.check()
        declared = parse_ranges(input_range)
        contents = read_contents(model)
        try:
            costs = _costs(*_artifact(model, reading, declared))
        except UsageError:  # about the options, not about the file
            raise
        except PyexportError as error:
            if memory or fits or cost or memory_svg is not None:  # nothing to tell of it then
                raise
            contents = contents.with_refusal(error, printable(model, 300))
            costs = None
        held = contents_document(contents)
    picture = memory_picture(costs.program) if costs is not None else None
    if picture is not None and memory_svg is not None:
        write_memory_svg(memory_svg, picture, printable(model.name))
    if json:
        name = {"name": printable(model.name)} if costs is None else {}
        plan: dict[str, Any] = {}
        if memory and picture is not None:
            plan["memory"] = memory_document(picture)
        if fits and costs is not None:
            plan["boards"] = fits_document(_fits(costs))
        if cost and costs is not None:
            plan["costs"] = costs_document(costings(costs.artifact, target))
        print_json(held | name | (costs.document if costs else {}) | plan)
    elif costs is None:
        print_contents(printable(model.name), contents, reading.trust)
    else:
        priced = costings(costs.artifact, target) if cost else ()  # before anything is printed
        _print(printable(model.name), held, costs)
        if priced:
            print_costs(priced)
        if memory and picture is not None:
            print_memory(picture)
        if fits:
            print_fits(_fits(costs))
        if memory_svg is not None:
            say(f"\nwrote {memory_svg}")


def _fits(costs: _Costs) -> tuple[BoardFit, ...]:
    graph = costs.artifact.graph
    return board_fits(cache(lambda name: lower(graph, get_target(name), costs.artifact.choices)))


@dataclass(frozen=True)
class _Costs:
    """What an export of the file costs: the JSON document, the artifact, and its program."""

    artifact: Artifact
    program: Program
    document: dict[str, Any]


def _costs(artifact: Artifact, warnings: tuple[str, ...]) -> _Costs:
    target = get_target(artifact.target) if artifact.target is not None else None
    program = lower(artifact.graph, target, artifact.choices)
    rows = layer_rows(artifact, program)
    return _Costs(
        artifact,
        program,
        {
            "name": artifact.name,
            "identity": artifact.identity,
            "scheme": artifact.scheme,
            "statements": statements_document(artifact.statements),
            "layers": rows,
            "warnings": list(warnings),
            "parameters": sum(r["parameters"] for r in rows),
            "macs": sum(r["macs"] for r in rows),
            "flash_bytes": program.const_bytes,
            "scratch_bytes": program.arena_bytes,
            "scratch_lower_bound": program.arena_lower_bound,
        },
    )


def _print(name: str, held: dict[str, Any], costs: _Costs) -> None:
    artifact, totals = costs.artifact, costs.document
    for warning in totals["warnings"]:
        warn(warning)
    say(f"{name}: {network_title(artifact.graph)}, {artifact.scheme}")
    say(f"format  {format_line(held)}")
    named = not is_single(artifact.graph)
    for label, tensors in (
        ("input", input_tensors(artifact.graph)),
        ("output", output_tensors(artifact.graph)),
    ):
        for tensor in tensors:
            say(f"{label:<8}{tensor.name + ': ' if named else ''}{_tensor(tensor)}")
    for label, text in stated_lines(artifact):
        say(f"{label:<8}{printable(text)}")
    for weights in artifact.choices.weights:
        moved = "unchanged" if weights.is_exact else f"rounded by {100 * weights.error:.2g} %"
        say(f"{'weights':<8}{weights.node}: {weights.bits} bits, {moved}")
    say("")
    table = plain_table(
        "layer", "~module", "~operator", ">in", ">out", ">params", ">MACs", ">flash", ">RAM",
        "kernel", ">bits",
    )  # fmt: skip
    for row in totals["layers"]:
        table.add_row(
            row["node"], Text(printable(row["module"])), row["operator"], str(row["inputs"]),
            str(row["outputs"]), str(row["parameters"]), str(row["macs"]), str(row["flash_bytes"]),
            str(row["ram_bytes"]), row["kernel"], str(row["accumulator_bits"] or ""),
        )  # fmt: skip
    table.add_row(
        "total", "", "", "", "", str(totals["parameters"]), str(totals["macs"]),
        str(totals["flash_bytes"]), str(totals["scratch_bytes"]), "", "",
    )  # fmt: skip
    out.print(table)
    say(
        "\nflash: bytes of tables; RAM: bytes of scratch alive while the layer runs, in total the\n"
        f"planned arena (no plan needs fewer than {totals['scratch_lower_bound']}); bits: those of "
        "the proved accumulator"
    )
    if snn_facts(artifact.graph) is not None:
        say(SPIKES_NOTE)


def _artifact(path: Path, reading: Reading, declared: Declared) -> tuple[Artifact, tuple[str, ...]]:
    loaded = reading.load(path, declared)
    stated = loaded.metadata.input_range is not None or loaded.metadata.calibration is not None
    if stated or declared is not None:
        result = export_model(loaded, ExportOptions("model", input_range=declared))
        return result.artifact, result.warnings
    try:
        result = export_model(loaded, ExportOptions("model", scheme="float32"))
        said = "those of the float32 scheme"
    except UnsupportedOperatorError:  # of layers that int8 alone has, or that neither has
        result = export_model(loaded, ExportOptions("model", input_range=(0.0, 1.0)))
        said = "those of int8 with inputs of 0..1"
    warnings = [*result.warnings, f"the file tells no input range: sizes are {said}"]
    return result.artifact, tuple(warnings)


def _tensor(tensor: Any) -> str:
    shape = "x".join(str(n) for n in tensor.shape)
    if tensor.quant is None:
        return f"{shape} float32"
    q = tensor.quant
    if q.steps:
        steps = f"steps of {min(q.steps):.6g} to {max(q.steps):.6g}"
        return f"{shape} {q.dtype} {q.low}..{q.high}, {steps}, one a column"
    return f"{shape} {q.dtype} {q.low}..{q.high}, scale {q.scale:.6g}, zero point {q.zero_point}"
