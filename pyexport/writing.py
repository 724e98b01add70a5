"""Writes several files into a folder, all of them or none."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pyexport.errors import OutputError


def write_together(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files by name into folder, which is made if missing; returns their paths.

    Every file is first written beside its place; only when all are complete are they renamed.
    Raises OutputError, in which case no file of these names was changed.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: this is a file, not a folder; choose another --output")
    temporary: list[tuple[Path, Path]] = []
    made = _missing_parents(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            place = folder / name
            if place.is_dir():
                raise IsADirectoryError(21, "a folder of this name is in the way", str(place))
            handle, unfinished = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            temporary.append((Path(unfinished), place))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(unfinished).chmod(0o666 & ~_umask())
        for path, place in temporary:
            path.replace(place)
    except BaseException as error:  # an interrupt must leave nothing behind either
        for leftover, _ in temporary:
            leftover.unlink(missing_ok=True)
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise OutputError(
            f"{folder}: cannot write {', '.join(files)} ({reason}); choose another --output"
        ) from None
    return tuple(place for _, place in temporary)


def _missing_parents(folder: Path) -> list[Path]:
    """Return the folders that mkdir will make, innermost first."""
    missing = []
    for parent in (folder, *folder.parents):
        if parent.exists():
            break
        missing.append(parent)
    return missing


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
