"""Makes an export the model of a firmware project: where its files go, and what they are."""

from __future__ import annotations

import re
from pathlib import Path

from pyexport.codegen import render_names
from pyexport.describe import header_info
from pyexport.errors import UsageError
from pyexport.pipeline import Export
from pyexport.writing import write_together

NAMES_FILE = "pyexport.h"  # no model can have this name
MODEL_FOLDER = Path("include", "model")
EXAMPLE_FOLDER = Path("include", "example")
_MARKS = ("platformio.ini", "include/model.h")


def check_project(project: Path) -> Path:
    """Return the folder of a firmware project; raises UsageError if it is none."""
    missing = [mark for mark in _MARKS if not (project / mark).is_file()]
    if missing:
        raise UsageError(
            f"--firmware {project}: not a firmware project of pyexport ({missing[0]} is missing); "
            f"make one with pyexport new {project}"
        )
    return project


def project_files(export: Export) -> dict[str, bytes]:
    """Return file names and contents: those of the export, and the names that firmware uses."""
    artifact, program = export.artifact, export.program
    info = header_info(artifact, program, export.target)
    names = render_names(program, info, artifact.profile)
    return {**export.files(), NAMES_FILE: names.encode()}


def install(export: Export, project: Path) -> tuple[Path, ...]:
    """Make an export the model of a firmware project; returns the paths of the files written."""
    return write_together(check_project(project) / MODEL_FOLDER, project_files(export))


def installed_name(project: Path) -> str | None:
    """Return the name of the model that a project runs now; None if that cannot be told."""
    for folder in (MODEL_FOLDER, EXAMPLE_FOLDER):
        names = project / folder / NAMES_FILE
        if names.is_file():
            text = names.read_text(encoding="ascii", errors="replace")
            found = re.search(r'^#define MODEL_NAME "(\w+)"$', text, re.M)
            return found[1] if found else None
    return None
