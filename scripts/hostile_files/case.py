"""One hostile file, its harmless twin, and how an export of each must end."""

from __future__ import annotations

from dataclasses import dataclass

EXPORTS = "exports"
REFUSED = "refused"
ARCH = ("--arch", "3-4r-2")  # of the clean network


@dataclass(frozen=True)
class Case:
    """A hostile file and a twin that differs from it in the hostile part alone."""

    name: str
    hostile: bytes
    twin: bytes
    ends: str = REFUSED  # of the hostile file: refused in one line, or exported with nothing run
    options: tuple[str, ...] = ()  # of export, for files of weights alone
    twin_ends: str = EXPORTS  # REFUSED for a kind of file that no reader opens, hostile or not
