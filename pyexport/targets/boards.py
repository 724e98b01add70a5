"""The boards of boards.toml: what people have on their desks, with the memory of their chips."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pyexport.targets.table import TARGETS

# For cores without a target of ours: the one whose code is closest in size.
_CLOSEST = {"avr": "atmega328p", "xtensa": "rv32imc"}


@dataclass(frozen=True)
class Board:
    """A board with one chip."""

    name: str
    chip: str
    core: str  # a target's name, or a family without one
    flash_bytes: int
    ram_bytes: int

    @property
    def target(self) -> str:
        """Name of the target whose code runs on it, or is closest in size."""
        return _CLOSEST.get(self.core, self.core)


@cache
def read_boards() -> tuple[Board, ...]:
    """Return all boards in the order of the file; raises ValueError if one is not well formed."""
    text = (Path(__file__).parent / "boards.toml").read_text(encoding="utf-8")
    known = {target.name for target in TARGETS}
    boards = []
    for row in tomllib.loads(text)["board"]:
        board = Board(row["name"], row["chip"], row["core"], row["flash"], row["ram"])
        if board.target not in known:
            raise ValueError(f"boards.toml: {board.name}: core {board.core!r} is unknown")
        boards.append(board)
    return tuple(boards)
