"""Writes several files into a folder, all of them or none."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import OutputError


@dataclass(frozen=True)
class _Move:
    """A complete new file, the place it goes to, and where what lies there now is kept."""

    new: Path
    place: Path
    old: Path

    def keep(self) -> None:
        """Keep what will be replaced, by a second name or, where that is refused, by a copy."""
        if not os.path.lexists(self.place):
            return
        try:
            os.link(self.place, self.old, follow_symlinks=False)
        except OSError:  # no links on this file system, or the file is immutable
            shutil.copy2(self.place, self.old, follow_symlinks=False)

    def undo(self) -> None:
        """Bring back what lay at the place; does nothing if the new file never got there."""
        if self.new.exists():
            return
        if os.path.lexists(self.old):
            self.old.replace(self.place)
        else:
            self.place.unlink(missing_ok=True)


def write_together(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files by name into folder, which is made if missing; returns their paths.

    A name may be a path ("src/digits.h"); its folders are made too. Every file is first written to
    a hidden folder beside its place; only when all are complete are they renamed, one after the
    other, and if one cannot be, those before it are put back. Raises OutputError, in which case
    every file of these names is as it was.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: this is a file, not a folder; choose another --output")
    moves: list[_Move] = []
    staging: Path | None = None
    made = _missing_parents(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder, prefix=".pyexport."))
        for number, (name, content) in enumerate(files.items()):
            place = folder / name
            made = [*_missing_parents(place.parent), *made]
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir():
                raise IsADirectoryError(21, "a folder of this name is in the way", str(place))
            new = staging / f"{number}.new"
            new.write_bytes(content)
            moves.append(_Move(new, place, staging / f"{number}.old"))
        for move in moves:
            move.keep()
        for move in moves:
            move.new.replace(move.place)
    except BaseException as error:  # an interrupt must leave nothing behind either
        lost = _undo(moves)
        if staging is not None and not lost:
            shutil.rmtree(staging, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        also = f"; {', '.join(lost)} could not be put back and lies in {staging}" if lost else ""
        raise OutputError(
            f"{folder}: cannot write {', '.join(files)} ({reason}){also}; choose another --output"
        ) from None
    shutil.rmtree(staging, ignore_errors=True)
    return tuple(move.place for move in moves)


def _undo(moves: list[_Move]) -> list[str]:
    """Put back what was replaced; returns the names of files for which even that failed."""
    lost = []
    for move in reversed(moves):
        try:
            move.undo()
        except OSError:
            lost.append(move.place.name)
    return lost


def _missing_parents(folder: Path) -> list[Path]:
    """Return the folders that mkdir will make, innermost first."""
    missing = []
    for parent in (folder, *folder.parents):
        if parent.exists():
            break
        missing.append(parent)
    return missing
