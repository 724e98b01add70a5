"""pyexport new: copies the firmware project out, for a user's own work."""

from pathlib import Path
from typing import Annotated

import typer

from pyexport.cli.common import JsonOption, print_json, say
from pyexport.project import new_project


def new_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must be new or empty.")],
    json: JsonOption = False,
) -> None:
    """Make a firmware project: a copy of pyexport's own, to build, flash and change."""
    files = new_project(folder)
    if json:
        print_json({"folder": str(folder), "files": sorted(map(str, files))})
        return
    say(f"made      {folder}, {len(files)} files; it runs the example digits")
    say(f"model     pyexport export MODEL --firmware {folder}")
    say(f"build     pio run -d {folder} -e native")
