"""Chooses the model that the firmware runs: exports PYEXPORT_MODEL again when its file changed.

Standard library only: this runs in PlatformIO's Python, where pyexport may be missing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MODEL_VARIABLE = "PYEXPORT_MODEL"  # the model file
OPTIONS_VARIABLE = "PYEXPORT_OPTIONS"  # more words for `pyexport export`
FOLDERS = ("include/model", "include/example")  # the first that holds NAMES is built
NAMES = "pyexport.h"
STATE = "pyexport.state"  # what include/model was exported from, and its files then
OWN_RAM = 500  # bytes: the firmware's variables and stack beside the model, measured on an Uno


class ModelError(Exception):
    """What is wrong with the model, in one line that says what to do."""


@dataclass(frozen=True)
class FirmwareModel:
    """The model that a build contains."""

    name: str
    identity: str  # 64 hex digits
    place: str  # its folder in the project
    table_bytes: int  # of flash: parameters and self-test vectors
    ram_bytes: int  # input, output and scratch
    port_bytes: int  # input and output: the self-test needs them a second time

    @property
    def needed_ram(self) -> int:
        """Bytes of RAM of the whole firmware with this model, rather too many than too few."""
        return self.ram_bytes + self.port_bytes + OWN_RAM


def read_model(project: Path) -> FirmwareModel:
    """Return the model that include/model.h includes; raises ModelError."""
    for folder in FOLDERS:
        path = project / folder / NAMES
        if path.is_file():
            text = path.read_text(encoding="ascii", errors="replace")
            values = dict(re.findall(r'^#define MODEL_(\w+) "?([^"\s]+)"?', text, re.M))
            digits = re.findall(r"0x([0-9a-f]{2})\b", text)
            try:
                return FirmwareModel(
                    name=values["NAME"],
                    identity="".join(digits),
                    place=folder,
                    table_bytes=int(values["TABLE_BYTES"]),
                    ram_bytes=int(values["RAM_BYTES"]),
                    port_bytes=int(values["INPUT_BYTES"]) + int(values["OUTPUT_BYTES"]),
                )
            except (KeyError, ValueError):
                raise ModelError(
                    f"{path} is not what pyexport writes; delete {folder} and export again"
                ) from None
    raise ModelError(
        f"{project / FOLDERS[0]} holds no model; run: pyexport export MODEL --firmware {project}"
    )


def check_fits(model: FirmwareModel, environment: str, flash: int, ram: int) -> None:
    """Raise ModelError if the model cannot fit the board; a limit of 0 is unknown.

    What passes may still be too big: how long the code is, only the linker knows.
    """
    for needed, limit, what, memory in (
        (model.table_bytes, flash, "tables", "flash"),
        (model.needed_ram, ram, "input, output, scratch and the firmware's own data", "RAM"),
    ):
        if limit and needed > limit:
            raise ModelError(
                f"{model.name} does not fit {environment}: {needed} bytes of {what} are "
                f"{needed - limit} more than the board's {limit} bytes of {memory}; "
                "use a smaller network or a bigger board"
            )


def link_failure(model: FirmwareModel, environment: str) -> str:
    """Return the sentence that follows a linker's own lines."""
    return (
        f"Error: the firmware for {environment} does not link. If the lines above say that a "
        f"section does not fit or a region overflowed, {model.name} with its {model.table_bytes} "
        f"bytes of tables and {model.needed_ram} bytes of RAM is too big for this board beside the "
        "rest of the firmware; use a smaller network or a bigger board"
    )


def rebuild(project: Path, environment: Mapping[str, str]) -> bool:
    """Export the file that PYEXPORT_MODEL names, if it or its export changed; return whether.

    A change of a file that the options name counts too, and their relative paths are taken from
    where the model's was. Without the variable nothing is done. Raises ModelError with the
    exporter's own line.
    """
    named = environment.get(MODEL_VARIABLE, "")
    if not named:
        return False
    base = _base(named, project, environment)
    model = (base / named).resolve()
    options = shlex.split(environment.get(OPTIONS_VARIABLE, ""))
    command, version = exporter(project)
    source = {
        "model": str(model),
        "sha256": _hash(model),
        "options": options,
        "inputs": _inputs(options, base),
        "version": version,
    }
    folder = project / FOLDERS[0]
    state = folder / STATE
    if _state(state) == {"source": source, "files": _hashes(folder)}:
        return False
    print(f"Exporting {model} ({MODEL_VARIABLE})", flush=True)
    words = [*command, "export", str(model), *options, "--firmware", str(project.resolve())]
    own = _exporter_environment(project)
    done = subprocess.run(words, capture_output=True, text=True, env=own, cwd=base)
    if done.returncode != 0:
        line = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ModelError(f"{MODEL_VARIABLE}={named}: {line.removeprefix('error: ')}")
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)  # warnings
    state.write_text(json.dumps({"source": source, "files": _hashes(folder)}), encoding="utf-8")
    return True


def exporter(project: Path) -> tuple[list[str], str]:
    """Return the command that runs pyexport, and its version ("" if unknown); raises ModelError.

    Taken is the checkout that the project lies in, or this Python's pyexport, or the one on PATH.
    """
    package = project.resolve().parent / "pyexport" / "__init__.py"
    if package.is_file():
        found = re.search(r'^__version__ = "(.+)"', package.read_text(encoding="utf-8"), re.M)
        return [sys.executable, "-m", "pyexport"], found[1] if found else ""
    if importlib.util.find_spec("pyexport") is not None:
        from importlib import metadata

        return [sys.executable, "-m", "pyexport"], metadata.version("pyexport")
    command = shutil.which("pyexport")
    if command is None:
        raise ModelError(
            f"{MODEL_VARIABLE} is set, and neither {sys.executable} nor PATH has pyexport; "
            "pip install pyexport, or unset the variable"
        )
    return [command], ""


def _exporter_environment(project: Path) -> dict[str, str]:
    checkout = project.resolve().parent
    paths = [os.environ.get("PYTHONPATH", "")]
    if (checkout / "pyexport" / "__init__.py").is_file():
        paths.insert(0, str(checkout))
    # safe path: a random.py beside the model is not what `import random` means
    found = os.pathsep.join(path for path in paths if path)
    return {**os.environ, "PYTHONPATH": found, "PYTHONSAFEPATH": "1"}


def _base(named: str, project: Path, environment: Mapping[str, str]) -> Path:
    """Return the folder that holds the model's path: PlatformIO's, when started, or the project."""
    bases = [Path(environment["PWD"])] if environment.get("PWD") else []
    for base in (*bases, Path.cwd(), project):
        if (base / named).is_file():
            return base.resolve()
    raise ModelError(f"{MODEL_VARIABLE}={named}: no such file; give its full path")


def _inputs(options: Sequence[str], base: Path) -> dict[str, str]:
    """Return the hash of every file that the options name, and of every file in their folders."""
    hashes: dict[str, str] = {}
    for before, word in zip(("", *options), options, strict=False):
        flag, _, value = word.partition("=") if word.startswith("-") else (before, "", word)
        path = base / value
        if not value or flag == "--output":  # that one is written, not read
            continue
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        hashes |= {str(file): _hash(file) for file in files if file.is_file()}
    return hashes


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot read it ({error.strerror}); allow it to be read"
        ) from None


def _state(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every exported file in a folder."""
    return {
        path.name: _hash(path)
        for path in sorted(folder.glob("*"))
        if path.is_file() and path.name != STATE
    }
