"""pyexport check: will this network export, what will it cost, and which chips hold it?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pyexport.cli.common import (
    JsonOption,
    out,
    plain_table,
    print_json,
    say,
    warn,
)
from pyexport.cli.memory import share
from pyexport.cli.reading import PLAIN, Reading, reads_model
from pyexport.errors import DoesNotFitError, UsageError
from pyexport.feasibility import Feasibility, check_model
from pyexport.frontends.user_model import model_of_code
from pyexport.pipeline import SCHEMES
from pyexport.targets import get_target
from pyexport.untrusted import printable


@reads_model
def check_command(
    model: Annotated[
        Path,
        typer.Argument(
            help="A model file, trained or not; or FILE.py:NAME, a class or function that makes "
            "the network, which is run."
        ),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(help="A chip that must hold it, else exit 1; may be given again."),
    ] = None,
    scheme: Annotated[str, typer.Option(help="Arithmetic: int8 or float32.")] = "int8",
    reading: Reading = PLAIN,
    json: JsonOption = False,
) -> None:
    """Tell before training whether a network exports and which chips have the memory for it."""
    if scheme not in SCHEMES:
        raise UsageError(f"--scheme {scheme} is unknown; use {' or '.join(SCHEMES)}")
    names = tuple(get_target(name).name for name in target or ())
    if _is_code(model):
        shape = reading.shape
        if reading.code is not None or reading.arch is not None or shape is None:
            raise UsageError(
                f"{printable(model, 300)}: a network in Python needs --input, the shape of one "
                "example, e.g. --input 1,64, and no --arch or --model"
            )
        loaded = model_of_code(str(model), shape)
    else:
        reading.check()
        loaded = reading.load(model, (0.0, 1.0))  # of a NIR file that tells none: as for all others
    result = check_model(loaded, names, scheme)
    if json:
        print_json(asdict(result))
    else:
        _print(printable(model.name), result)
    problems = [fit.problem for fit in result.fits if fit.problem]
    if names and problems:
        raise DoesNotFitError(f"{printable(model, 300)}: {problems[0]}")


def _is_code(model: Path) -> bool:
    """Return whether the argument is FILE.py:NAME and no file of that name."""
    file, colon, _ = str(model).rpartition(":")
    return bool(colon) and file.endswith(".py") and not model.exists()


def _print(name: str, result: Feasibility) -> None:
    for warning in result.warnings:
        warn(warning)
    say(f"{name}: {result.network}, {result.scheme}, exports")
    say(
        f"{result.parameters} parameters, {result.macs} MACs; {result.flash_bytes} bytes of tables "
        f"in flash, {result.ram_bytes} of RAM\n"
    )
    table = plain_table("target", "chip", ">flash", ">RAM", "fits")
    for fit in result.fits:
        share_flash = share(result.flash_bytes, fit.flash_bytes)
        share_ram = share(result.ram_bytes, fit.ram_bytes)
        table.add_row(fit.target, fit.chip, share_flash, share_ram, "yes" if fit.fits else "no")
    out.print(table)
    say("\nin percent of the chip; code, stack and the rest of the firmware come on top")
