"""pyexport export: a model file becomes a header, an artifact and a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from pyexport.choices import DEFAULT_GOAL
from pyexport.cli.common import (
    JsonOption,
    parse_ranges,
    parse_size,
    parse_weights,
    print_json,
    say,
    split_output,
    warn,
)
from pyexport.cli.exported import export_document, print_summary
from pyexport.cli.reading import PLAIN, Reading, reads_model
from pyexport.codegen import package_kind
from pyexport.codegen.identifiers import check_model_name
from pyexport.errors import DoesNotFitError, FileFormatError, UsageError
from pyexport.export_options import SCHEMES, ExportOptions, check_choices, check_weights
from pyexport.fitting import check_fits, check_parts
from pyexport.frontends.finds import read_finds
from pyexport.frontends.port_samples import read_port_samples
from pyexport.input_ranges import Declared, sample_ports
from pyexport.ir import Dataset, Model
from pyexport.pipeline import Export, export_model
from pyexport.project import check_project, install, installed_name, write_package
from pyexport.quantize.ptq import check_inside
from pyexport.rows import output_tensors, row_size
from pyexport.targets import get_target


@reads_model
def export_command(
    model: Annotated[Path, typer.Argument(help="Model file; its content decides what it is.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for NAME.h, NAME.px, NAME.json, or the path of NAME.h."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Prefix of every C symbol; default: the file's stem.")
    ] = None,
    scheme: Annotated[str, typer.Option(help="Arithmetic: int8 or float32.")] = "int8",
    target: Annotated[
        str | None,
        typer.Option(help="Specialize the header for one target; default: portable C."),
    ] = None,
    flash: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Most bytes of flash, e.g. 32k: more is refused."),
    ] = None,
    ram: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Most bytes of RAM, e.g. 2k: more is refused."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Real input rows that set the ranges: .npz, .npy, .csv or IDX."),
    ] = None,
    input_range: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[INPUT=]LOW:HIGH",
            help="Least and greatest real input value; of several inputs, repeat it for each.",
        ),
    ] = None,
    per_tensor: Annotated[
        bool, typer.Option("--per-tensor", help="One weight scale a layer, not one an output.")
    ] = False,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream", help="One step of a sequence a call; LSTM and GRU keep a state between."
        ),
    ] = False,
    lanes: Annotated[
        int,
        typer.Option(
            metavar="16|32",
            help="Bits of a layer's final sums: 16 makes weights and bytes as coarse as that "
            "needs, in layers where it costs little.",
        ),
    ] = 32,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[LAYER=]4|8",
            help="Bits of the weights of linear layers; LAYER=BITS for one layer, and repeat it.",
        ),
    ] = None,
    optimize: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[LAYER=]GOAL",
            help="Choose kernels by size, balanced, speed, or constant-time: the same bytes; "
            "LAYER=GOAL for one layer, and repeat it.",
        ),
    ] = None,
    kernel: Annotated[
        list[str] | None,
        typer.Option(help="Take this kernel wherever it matches, whatever the goal; repeat it."),
    ] = None,
    selftest_from: Annotated[
        Path | None,
        typer.Option(
            help="NAME-hunt.npz or NAME-attack.npz: up to 8 finds become self-test vectors."
        ),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(help="Folder of templates that replace pyexport's own, file by file."),
    ] = None,
    firmware: Annotated[
        Path | None,
        typer.Option(
            help="Firmware project whose model this becomes; without --output only its files are "
            "written."
        ),
    ] = None,
    package: Annotated[
        str | None,
        typer.Option(
            help="Write a library instead: arduino, platformio, esp-idf, zephyr or cmake; --output "
            "is its folder, NAME-PACKAGE if absent."
        ),
    ] = None,
    reading: Reading = PLAIN,
    json: JsonOption = False,
) -> None:
    """Quantize a model and write it as one C header, with all that is needed to check it."""
    folder, chosen = split_output(output, name, model)
    if model.is_dir():  # first: the name of a folder is no reason to speak of --name
        raise FileFormatError(f"{model}: a directory; name a model file in it")
    # Options are checked before the model is read: a typing mistake should not cost a minute.
    check_model_name(chosen)
    if scheme not in SCHEMES:
        raise UsageError(f"--scheme {scheme} is unknown; use {' or '.join(SCHEMES)}")
    if target is not None:
        get_target(target)
    if firmware is not None:
        check_project(firmware)
    if package is not None:
        package_kind(package)
        if output is not None and output.suffix == ".h":
            raise UsageError(f"--package writes a folder, and --output {output} names a header")
    goal, layer_goals = _goals(optimize or [])
    check_choices(goal, lanes, scheme, layer_goals, tuple(kernel or ()))
    bits, layer_bits = parse_weights(weights or [])
    check_weights(bits, layer_bits, scheme)
    budget = (parse_size(flash, "--flash"), parse_size(ram, "--ram"))
    declared = parse_ranges(input_range)
    reading.check()
    loaded = reading.load(model, declared)
    options = ExportOptions(
        name=chosen,
        scheme=scheme,
        target=target,
        per_channel=not per_tensor,
        lanes=lanes,
        weights=bits,
        layer_weights=layer_bits,
        optimize=goal,
        layer_goals=layer_goals,
        kernels=tuple(kernel or ()),
        input_range=declared,
        calibration=_calibration(calibration, loaded, declared),
        calibration_name=calibration.name if calibration is not None else None,
        finds=None if selftest_from is None else read_finds(selftest_from),
        finds_name="finds.npz" if selftest_from is None else selftest_from.name,
        templates=templates,
        check_fits=False,  # below, where what is needed can be measured
        stream=stream,
        reading=reading.words(),
    )
    result = export_model(loaded, options)
    _check_fits(result, *budget)
    before = installed_name(firmware) if firmware is not None else None
    paths = _write(result, folder if output is not None else None, package, firmware)
    if json:
        print_json(export_document(result, paths))
        return
    for warning in result.warnings:
        warn(warning)
    print_summary(result, paths)
    if package is not None:
        say(f"{'package':<10}{paths[0].parent.parent} ({package})")
    if firmware is not None:
        was = "" if before in (None, chosen) else f" (before: {before})"
        say(f"{'firmware':<10}{firmware} now runs {chosen}{was}")


def _check_fits(result: Export, flash: int | None, ram: int | None) -> None:
    """Raise DoesNotFitError where an export is more than was allowed, or than its chip has.

    What needs a compiler and an emulator is asked only if there is a limit, or no doubt that the
    chip is too small.
    """
    name, program, target = result.artifact.name, result.program, result.target
    if target is None or not target.is_chip:
        check_parts(name, program, flash, ram)
        return
    if flash is None and ram is None:
        try:
            check_fits(name, program, target)
            return
        except DoesNotFitError as error:
            refused = error
    else:
        refused = None
    from pyexport.footprint import check_budget  # runs compilers and emulators

    check_budget(result, target, flash or target.flash_bytes, ram or target.ram_bytes)
    if refused is not None:
        raise refused


def _goals(words: list[str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the goal of the model, and those of single layers."""
    layers = [word.rpartition("=") for word in words if "=" in word]
    whole = [word for word in words if "=" not in word]
    if len(whole) > 1:
        raise UsageError(f"--optimize {whole[0]} and {whole[1]}: a model has one goal")
    return whole[0] if whole else DEFAULT_GOAL, tuple((name, goal) for name, _, goal in layers)


def _calibration(path: Path | None, model: Model, declared: Declared) -> Dataset | None:
    if path is None:
        return None
    outputs = row_size(output_tensors(model.graph))
    values = outputs if model.metadata.statements.is_regression else None
    rows = read_port_samples(path, sample_ports(model), "calibration", values)
    limits = declared or model.metadata.input_range
    if isinstance(limits, tuple):  # checked here too, where the name of the file is known
        check_inside(rows, limits, f"{path}: the calibration data")
    return rows


def _write(
    result: Export, output: Path | None, package: str | None, firmware: Path | None
) -> tuple[Path, ...]:
    """Write what was asked for; returns the paths, header, artifact and manifest first."""
    paths: tuple[Path, ...] = ()
    if package is not None:
        paths += write_package(result, package, output)
    elif output is not None or firmware is None:
        paths += result.write(output or Path())
    if firmware is not None:
        paths += install(result, firmware)
    return paths
