"""Reads the code blocks of Markdown files, and compares what they show with what they print.

What an author writes:

    ```python        executed; the blocks of one file share their names
    ```console       `$ ` starts a command, `\\` at its end continues it; what follows is its output
    ```bash          one script, stopped at the first error
    ```c             with a main(): compiled with warnings as errors, and run
    ```text          not run (also json, toml, yaml, ini, csv, mermaid, and C without main)

The blocks of one file run in order in one folder, a copy of the checkout. A comment on the lines
before a block changes what happens to it:

    <!-- not run: REASON -->     the block is left out, and the test run lists the reason
    <!-- run: COMMAND -->        runs a command that readers need not see
    <!-- exit: 1 -->             the last command of the block ends with this status
    <!-- output -->              this text block is what the python block above prints

Output is compared line by line. `...` stands for any text within a line, and alone on a line for
any number of lines. A command without output in its block may print what it likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUN = frozenset({"python", "console", "bash", "c"})
SHOWN = frozenset({"text", "json", "toml", "yaml", "ini", "csv", "mermaid"})

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[^\s`]*)")
_COMMENT = re.compile(
    r"^\s*<!--\s*(?P<key>not run|run|exit|output)\s*(?::\s*(?P<value>.*?))?\s*-->"
)


@dataclass(frozen=True)
class Block:
    """One fenced block, or one hidden command (language "hidden")."""

    language: str
    text: str  # without its indentation
    line: int  # of the opening fence, from 1
    not_run: str = ""  # the reason, if it is left out
    exit_status: int = 0
    is_output: bool = False


@dataclass(frozen=True)
class Command:
    """One command of a console block with the output that the block shows for it."""

    command: str
    expected: str  # "" if nothing is shown


def documents(root: Path) -> list[Path]:
    """Return README.md and every Markdown file under docs/, sorted."""
    return sorted([*root.glob("README.md"), *root.glob("docs/**/*.md")])


def read_blocks(markdown: str) -> list[Block]:
    """Return the blocks of a document in order, with the comments before each applied to it."""
    blocks: list[Block] = []
    notes: dict[str, str] = {}
    lines = iter(enumerate(markdown.splitlines(), 1))
    for number, line in lines:
        if comment := _COMMENT.match(line):
            key, value = comment["key"], comment["value"] or ""
            if key == "run":
                blocks.append(Block("hidden", value, number))
            else:
                notes[key] = value
        elif opening := _FENCE.match(line):
            blocks.append(
                Block(
                    language=opening["language"],
                    text=_body(lines, opening["indent"], opening["fence"]),
                    line=number,
                    not_run=notes.get("not run", ""),
                    exit_status=int(notes.get("exit", "0")),
                    is_output="output" in notes,
                )
            )
            notes = {}
        elif line.strip():
            notes = {}
    return blocks


def _body(lines: Iterator[tuple[int, str]], indent: str, fence: str) -> str:
    body: list[str] = []
    for number, line in lines:
        if line.strip().startswith(fence) and not line.strip(" \t" + fence[0]):
            return "\n".join(body)
        body.append(line.removeprefix(indent))
        last = number
    raise ValueError(f"the code block before line {last} is never closed")


def read_console(text: str) -> list[Command]:
    """Return the commands of a console block, each with the output shown below it."""
    commands: list[Command] = []
    command: list[str] = []
    output: list[str] = []
    continued = False
    for line in text.splitlines():
        if continued:
            command.append(line.removeprefix("> "))
        elif line.startswith("$ "):
            if command:
                commands.append(Command("\n".join(command), "\n".join(output).strip("\n")))
            command, output = [line.removeprefix("$ ")], []
        else:
            if not command:
                raise ValueError(f"a console block starts with a command, not with {line!r}")
            output.append(line)
            continue
        continued = command[-1].endswith("\\")
    if command:
        commands.append(Command("\n".join(command), "\n".join(output).strip("\n")))
    return commands


def difference(expected: str, actual: str) -> str:
    """Return "" if `actual` is what `expected` shows, otherwise both of them, to be read."""
    pattern = ""
    for line in expected.strip("\n").splitlines():
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    seen = "\n".join(line.rstrip() for line in actual.strip("\n").splitlines()) + "\n"
    if re.fullmatch(pattern, seen):
        return ""
    return f"--- the document shows\n{expected}\n--- it printed\n{actual}"
