"""What the commands share: consoles, JSON output, and options that several have."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pyexport.errors import UsageError
from pyexport.input_ranges import Declared
from pyexport.statement_values import is_range
from pyexport.untrusted import printable

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of text.")
]

InputRangeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input-range",
        metavar="LOW:HIGH",
        help="Least and greatest real input value, where the file does not say.",
    ),
]

PIPE_WIDTH = 160  # columns of a table that does not go to a terminal, unless COLUMNS says another

_sized = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
# Texts are printed as they are: "[bold]" in the name of a class is no markup, ":bug:" no picture.
out = Console(highlight=False, markup=False, emoji=False, width=None if _sized else PIPE_WIDTH)
err = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=True)


def print_json(document: Any) -> None:
    """Print a document as JSON on standard output, keys sorted."""
    print(json.dumps(document, indent=1, sort_keys=True))


def say(text: str) -> None:
    """Print text on standard output as it is: never wrapped, so that a path can be copied."""
    out.print(text, soft_wrap=True)


def warn(text: str) -> None:
    """Print one warning line on standard error."""
    err.print(f"warning: {text}")


def plain_table(*columns: str) -> Table:
    """Return a table without lines around it, readable at 80 columns.

    A column whose name starts with ">" aligns right, one whose name starts with "~" breaks its
    text over lines where the terminal is narrow; no other column breaks, and none is cut.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.lstrip(">~"),
            justify="right" if column.startswith(">") else "left",
            no_wrap=not column.startswith("~"),
            overflow="fold",
        )
    return table


def parse_size(text: str | None, option: str) -> int | None:
    """Return a number of bytes such as 2048, 2k, 32K or 1.5M, in units of 1024."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,10})(?:\.(\d{1,6}))?([kKmM]?)", text, re.ASCII)
    if found:
        whole, fraction, unit = found[1], found[2] or "", found[3].lower()
        scale = {"": 1, "k": 1 << 10, "m": 1 << 20}[unit]
        size, rest = divmod(int(whole + fraction) * scale, int("1" + "0" * len(fraction)))
        if not rest and 0 < size <= 1 << 32 and (unit or not fraction):
            return size
    raise UsageError(
        f"{option} {printable(text, 40)} is no number of bytes; write e.g. 2048, 2k, 32K or 1.5M"
    )


def parse_ranges(texts: list[str] | None) -> Declared:
    """Return LOW:HIGH, or several of [INPUT=]LOW:HIGH, as numbers; raises UsageError."""
    found: dict[str, tuple[float, float]] = {}
    for text in texts or ():
        name, equals, span = text.rpartition("=")
        low, colon, high = span.partition(":")
        try:
            values = float(low), float(high)
        except ValueError:
            values = (1.0, 0.0)
        if not colon or not is_range(*values) or bool(equals) != bool(name):
            raise UsageError(
                f"--input-range {text!r} is not LOW:HIGH, for example 0:16, nor INPUT=LOW:HIGH"
            )
        if name in found:
            of = f" for {name}" if name else ""
            raise UsageError(f"--input-range is given twice{of}; give one range each")
        found[name] = values
    return found[""] if list(found) == [""] else found or None


def parse_weights(words: list[str]) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Return BITS of all linear layers, and those of single layers, of [LAYER=]BITS."""
    layers, whole = [], []
    for word in words:
        name, equals, digits = word.rpartition("=")
        if digits not in ("4", "8") or bool(equals) != bool(name):
            raise UsageError(
                f"--weights {printable(word, 60)} is neither 4 nor 8, nor LAYER=4 nor LAYER=8"
            )
        if name:
            layers.append((name, int(digits)))
        else:
            whole.append(int(digits))
    if len(whole) > 1:
        raise UsageError(f"--weights {whole[0]} and {whole[1]}: name the layers of one of them")
    return whole[0] if whole else 8, tuple(layers)


def split_output(output: Path | None, name: str | None, source: Path) -> tuple[Path, str]:
    """Return the folder to write into and the model's name.

    --output is a folder, or a path that ends in .h, whose stem is then the name. Without a name
    it is the stem of the source file.
    """
    if output is not None and output.suffix == ".h":
        if name is not None and name != output.stem:
            raise UsageError(
                f"--output {output} and --name {name} disagree: the header is called NAME.h"
            )
        return output.parent, output.stem
    return output or Path(), source.stem if name is None else name
