"""What the training scripts say: a line of progress, a table at the end, or a line of error."""

from __future__ import annotations

import math
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from pyexport.errors import OutputError, PyexportError, UsageError
from pyexport.untrusted import printable


def progress(text: str, *, last: bool = False) -> None:
    """Show text on standard error, over the text before; off a terminal only the last one."""
    if sys.stderr.isatty():
        end = "\n" if last else ""
        print(f"\r\x1b[K{text}", end=end, file=sys.stderr, flush=True)
    elif last:
        print(text, file=sys.stderr, flush=True)


def run_script(main: Callable[[], None]) -> None:
    """Run a script; what went wrong is one line on standard error, and the exit status 2."""
    try:
        main()
    except (PyexportError, OSError) as error:
        print(f"error: {printable(error, 500)}", file=sys.stderr)
        sys.exit(2)


def check_options(chosen: Namespace) -> None:
    """Refuse what would only fail after training: numbers that are none, folders that are not.

    Options are known by their names: epochs, rate, final_rate, output and picture.
    """
    for name, value in vars(chosen).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{option} is {value}; give a finite number")
        if name in ("rate", "final_rate") and value is not None and value <= 0:
            raise UsageError(f"{option} is {value}; give a positive number such as 0.01")
        if name == "epochs" and value < 1:
            raise UsageError(f"{option} is {value}; epochs start at 1")
        if name in ("output", "picture") and value is not None:
            _check_writable(option, value)


def _check_writable(option: str, path: Path) -> None:
    if path.is_dir():
        raise OutputError(f"{option} {printable(path)}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise OutputError(f"{option} {printable(path)}: its folder is missing; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(f"{option} {printable(path)}: cannot be written; choose another place")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with aligned columns: the first to the left, the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    texts = []
    for line in lines:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        texts.append("  ".join([first, *others]).rstrip())
    texts.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(texts)
