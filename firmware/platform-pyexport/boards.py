"""The emulated boards as their JSON files describe them, and what must be installed for them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOARDS = Path(__file__).resolve().parent / "boards"


class BoardError(Exception):
    """One line that says what is wrong and what to do about it."""


@dataclass(frozen=True)
class Board:
    name: str
    title: str
    kind: str  # "host", "qemu" or "simavr"
    simulator: dict[str, Any]

    @property
    def reset_on_connect(self) -> bool:
        """Whether opening the port resets the board, as on an Arduino Uno."""
        return bool(self.simulator.get("reset_on_connect", False))

    @property
    def has_bootloader(self) -> bool:
        return "bootloader" in self.simulator


def load_board(name: str) -> Board:
    """Return the board of this name; raises BoardError with the known names."""
    path = BOARDS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in BOARDS.glob("*.json")))
        raise BoardError(f"no emulated board '{name}'; boards: {known}")
    data = json.loads(path.read_text(encoding="utf-8"))
    simulator = data["simulator"]
    return Board(name, data["name"], simulator["kind"], simulator)


def need_program(program: str, package: str) -> str:
    """Return the path of a program; raises BoardError that names the Debian package it is in."""
    found = shutil.which(program)
    if found is None:
        raise BoardError(f"{program} is not on PATH; Debian, Ubuntu: apt-get install {package}")
    return found
