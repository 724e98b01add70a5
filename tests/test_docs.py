"""Every code block of README.md and docs/ runs, and prints what the text says it prints."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.markdown_blocks import (
    RUN,
    SHOWN,
    Block,
    Command,
    difference,
    documents,
    read_blocks,
    read_console,
)

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = documents(ROOT)
MOST_NOT_RUN = 3  # blocks in all documents together; a higher number needs a good reason
COMMAND_SECONDS = 300
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", ".pio*", "__pycache__", "build", "dist", "site"
)
BLANK = {"COLUMNS": "100", "LINES": "40", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}


class Session:
    """One document's run: a folder, the shell's place in it, and the names of its Python blocks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder
        self.names: dict[str, Any] = {"__name__": "__document__"}
        self.printed = ""  # by the last python block
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        core = str(folder / ".pio-core")  # PlatformIO's packages: not those of the home folder
        owner = {"PYEXPORT_BOARD_OWNER": str(os.getpid()), "PYEXPORT_OFFLINE": "1"}
        self.environment = os.environ | BLANK | owner | {"PATH": path, "PLATFORMIO_CORE_DIR": core}

    def shell(self, script: str) -> tuple[int, str]:
        """Run a script with bash; return its exit status and what a terminal would show."""
        note = self.folder / ".place"
        leave = f"trap 'pwd > {shlex.quote(str(note))}' EXIT\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", leave + script],
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        self.place = Path(note.read_text(encoding="utf-8").strip())
        return done.returncode, done.stdout

    def python(self, block: Block, name: str) -> None:
        """Execute a python block in this document's names and folder; keep what it prints."""
        code = compile("\n" * block.line + block.text, name, "exec")
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.chdir(self.place):
            exec(code, self.names)
        self.printed = output.getvalue()

    def c(self, block: Block) -> tuple[int, str]:
        """Compile a program with its warnings as errors and run it."""
        source = self.place / f"block{block.line}.c"
        source.write_text(block.text, encoding="utf-8")
        program = shlex.quote(str(source.with_suffix("")))
        flags = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -O2 -I ."
        return self.shell(f"cc {flags} {shlex.quote(str(source))} -o {program} && {program}")


def is_run(block: Block) -> bool:
    """Return whether a block may touch files; run_block() looks at more closely what it is."""
    return not block.not_run and block.language in (*RUN, "hidden")


def run_block(session: Session, block: Block, name: str) -> None:
    """Run one block; raises AssertionError that names the document's line."""
    where = f"{name}:{block.line}"
    if block.not_run:
        return
    if block.is_output:
        problem = difference(block.text, session.printed)
        assert not problem, f"{where}\n{problem}"
    elif block.language == "python":
        session.python(block, name)
    elif block.language == "console":
        commands = read_console(block.text)
        for number, command in enumerate(commands, 1):
            last = number == len(commands)
            status, output = session.shell(command.command)
            expect(where, command, block.exit_status if last else 0, status, output)
    elif block.language in ("bash", "hidden"):
        status, output = session.shell(block.text)
        expect(where, Command(block.text, ""), block.exit_status, status, output)
    elif block.language == "c" and "main(" in block.text:
        status, output = session.c(block)
        expect(where, Command("cc", ""), block.exit_status, status, output)


def expect(where: str, command: Command, wanted: int, status: int, output: str) -> None:
    """Raise AssertionError unless a command ended and printed as the document says."""
    what = f"{where}: $ {command.command}"
    assert status == wanted, f"{what}\nended with {status}, not {wanted}\n{output}"
    if command.expected:
        problem = difference(command.expected, output)
        assert not problem, f"{what}\n{problem}"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session in an empty folder."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    yield Session(folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_runs(path: Path, session: Session) -> None:
    blocks = read_blocks(path.read_text(encoding="utf-8"))
    if any(is_run(block) for block in blocks):  # half of the documents only show
        shutil.copytree(ROOT, session.folder, ignore=NOT_COPIED, symlinks=True, dirs_exist_ok=True)
    for block in blocks:
        run_block(session, block, str(path.relative_to(ROOT)))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_names_a_known_language(path: Path) -> None:
    for block in read_blocks(path.read_text(encoding="utf-8")):
        known = block.language in RUN | SHOWN | {"hidden"}
        assert known, f"{path}:{block.line}: language {block.language!r} could dodge the tests"


def test_few_blocks_are_left_out_and_each_says_why() -> None:
    reasons = [
        (path, block)
        for path in DOCUMENTS
        for block in read_blocks(path.read_text(encoding="utf-8"))
        if block.not_run
    ]
    for path, block in reasons:
        assert len(block.not_run.split()) >= 3, f"{path}:{block.line}: say why it is not run"
    assert len(reasons) <= MOST_NOT_RUN
