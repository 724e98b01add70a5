"""Runs commands inside the test's process, and says what they left behind."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from pyexport.cli import common, main

common.out.width = common.PIPE_WIDTH  # whatever terminal the tests run in


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


def pyexport(*arguments: object) -> Done:
    """Run one command as `pyexport ARGUMENTS` and return its exit status and both streams."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
    return Done(status, out.getvalue(), err.getvalue())


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every path below a folder with its bytes, None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def refused(folder: Path, *arguments: object) -> str:
    """Run a command that must be refused and return its only line, without "error: ".

    Exit 2, nothing on standard output, one line on standard error, and the folder as before.
    """
    before = contents(folder)
    done = pyexport(*arguments)
    assert (done.status, done.out) == (2, ""), done
    assert contents(folder) == before
    line, newline, rest = done.err.partition("\n")
    assert (newline, rest) == ("\n", ""), done.err
    assert line.startswith("error: ")
    return line.removeprefix("error: ")
