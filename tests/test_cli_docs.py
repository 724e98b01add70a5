"""Every command explains itself and all its options, in --help and in docs/cli.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from pyexport.cli.app import make_app

ROOT = Path(__file__).resolve().parent.parent
GROUP: Any = typer.main.get_command(make_app())
COMMANDS: dict[str, Any] = GROUP.commands
CLI_MD = ROOT / "docs" / "cli.md"


def section(name: str) -> str:
    """Return the text of docs/cli.md below "## `pyexport NAME`", "" if there is none."""
    text = CLI_MD.read_text(encoding="utf-8")
    found = re.search(rf"^## `pyexport {re.escape(name)}`\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found[1] if found else ""


def test_the_commands_are_the_documented_ones() -> None:
    headings = re.findall(r"^## `pyexport (.+?)`$", CLI_MD.read_text(encoding="utf-8"), re.M)
    assert sorted(headings) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_its_options_have_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    silent = [param.name for param in command.params if not getattr(param, "help", None)]
    assert silent == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_section_that_mentions_every_option(name: str) -> None:
    text = section(name)
    assert text, f"docs/cli.md has no heading ## `pyexport {name}`"
    options = [
        option
        for param in COMMANDS[name].params
        if param.param_type_name == "option" and param.name != "help"
        for option in param.opts
        if option.startswith("--")
    ]
    assert [option for option in options if f"`{option}" not in text] == []


def test_every_command_has_json_output() -> None:
    without = [
        name
        for name, command in COMMANDS.items()
        if not any("--json" in param.opts for param in command.params)
    ]
    assert without == []
