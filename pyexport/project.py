"""Firmware projects and libraries: how they are made, and how an export becomes part of one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from pyexport.codegen import default_folder, package_kind, render_names, render_package
from pyexport.describe import header_info
from pyexport.errors import OutputError, UsageError
from pyexport.pipeline import Export
from pyexport.resources import resource_dir
from pyexport.writing import write_together

NAMES_FILE = "pyexport.h"  # no model can have this name
MODEL_FOLDER = Path("include", "model")
EXAMPLE_FOLDER = Path("include", "example")
_MARKS = ("platformio.ini", "include/model.h")
_LEFT_BEHIND = (Path("harness"), MODEL_FOLDER)  # pyexport's own measuring code; somebody's model
_BUILT = (".pio", ".pio-core", "__pycache__", "*.pyc")
_ADDED = {"README.md": "README.md", "gitignore": ".gitignore"}  # of templates/firmware


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
    """Make an export the model of a firmware project; returns the paths of the files written.

    The files of the model that was exported there before are removed, whatever else lies beside.
    """
    folder = check_project(project) / MODEL_FOLDER
    before = _name_in(folder)
    written = write_together(folder, project_files(export))
    if before is not None and before != export.artifact.name:
        for suffix in (".h", ".px", ".json"):
            old = folder / f"{before}{suffix}"
            # where case does not count, Digits.h and digits.h are one file
            if old.is_file() and not any(old.samefile(path) for path in written):
                with contextlib.suppress(OSError):  # the new model is complete without this
                    old.unlink()
    return written


def installed_name(project: Path) -> str | None:
    """Return the name of the model that a project runs now; None if that cannot be told."""
    for folder in (MODEL_FOLDER, EXAMPLE_FOLDER):
        if (project / folder / NAMES_FILE).is_file():
            return _name_in(project / folder)
    return None


def _name_in(folder: Path) -> str | None:
    names = folder / NAMES_FILE
    if not names.is_file():
        return None
    text = names.read_text(encoding="ascii", errors="replace")
    found = re.search(r'^#define MODEL_NAME "(\w+)"$', text, re.M)
    return found[1] if found else None


def write_package(export: Export, kind: str, folder: Path | None) -> tuple[Path, ...]:
    """Write an export as a library of a build system; returns the paths, the header first.

    folder: where to; None makes one in the current folder, called by model and kind.
    """
    artifact = export.artifact
    place = folder if folder is not None else Path(default_folder(artifact.name, kind))
    info = header_info(artifact, export.program, export.target)
    where = package_kind(kind).header_folder
    files = {f"{where}/{name}": content for name, content in export.files().items()}
    files |= render_package(export.program, info, kind, place.resolve().name)
    return write_together(place, files)


def new_project(folder: Path) -> tuple[Path, ...]:
    """Copy pyexport's firmware project to a new or empty folder; returns its files, relative.

    The model that a checkout runs is left behind: a new project starts with the example.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: exists already; name a folder that is new or empty")
    source, added = resource_dir("firmware"), resource_dir("templates") / "firmware"
    try:
        place = Path(os.path.realpath(folder))  # "." and a link cannot be renamed onto
        there = place.is_dir()
        beside = place if there else place.parent
        beside.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=beside, prefix=".pyexport.") as staging:
            made = Path(staging) / "project"
            shutil.copytree(
                source, made, ignore=shutil.ignore_patterns(*_BUILT), copy_function=shutil.copyfile
            )
            for unwanted in _LEFT_BEHIND:
                shutil.rmtree(made / unwanted, ignore_errors=True)
            for name, renamed in _ADDED.items():
                shutil.copyfile(added / name, made / renamed)
            if there:
                _move_children(made, place)
            else:
                made.rename(place)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{folder}: cannot make it ({reason}); choose another folder") from None
    return tuple(path.relative_to(place) for path in sorted(place.rglob("*")) if path.is_file())


def _move_children(made: Path, place: Path) -> None:
    """Move all that lies in one folder to another of the same file system, or nothing."""
    names = sorted(path.name for path in made.iterdir())
    try:
        for name in names:
            (made / name).rename(place / name)
    except BaseException:  # an interrupt must leave nothing behind either
        for name in names:
            if not (made / name).exists():
                (place / name).rename(made / name)
        raise
