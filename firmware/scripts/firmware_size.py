"""Whether a linked firmware fits its board: flash, and RAM with room for the stack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from model_choice import FirmwareModel, ModelError

# Bytes of stack for calls and interrupts, beside the scratch memory that the model keeps there.
CALLS_AVR = 192
CALLS = 1024


@dataclass(frozen=True)
class FirmwareSize:
    """What a firmware takes, in bytes."""

    flash: int
    static_ram: int
    stack: int  # at least

    @property
    def ram(self) -> int:
        return self.static_ram + self.stack


def matching_bytes(output: str, pattern: str) -> int:
    """Return the sum of all numbers that the pattern's groups match, line by line."""
    found = (re.search(pattern, line.strip()) for line in output.splitlines())
    return sum(int(value) for match in found if match for value in match.groups())


def stack_bytes(project: Path, model: FirmwareModel, avr: bool) -> int:
    """Return how much stack the firmware needs at least: scratch of the model, and calls.

    A model with a state has another one on the stack while it tests itself.
    """
    text = (project / model.place / "pyexport.h").read_text(encoding="ascii")
    buffers = re.findall(r"^#define MODEL_(?:INPUT|OUTPUT)_BYTES (\d+)", text, re.M)
    scratch = model.ram_bytes - sum(int(value) for value in buffers)
    return max(scratch, 0) + (CALLS_AVR if avr else CALLS)


def check_size(
    model: FirmwareModel, environment: str, size: FirmwareSize, flash: int, ram: int
) -> None:
    """Raise ModelError if the firmware is more than the board has; a limit of 0 is unknown."""
    stack = f" ({size.static_ram} of variables, at least {size.stack} of stack)"
    for needed, limit, memory, parts in (
        (size.flash, flash, "flash", ""),
        (size.ram, ram, "RAM", stack),
    ):
        if limit and needed > limit:
            raise ModelError(
                f"the firmware with {model.name} does not fit {environment}: {needed} bytes of "
                f"{memory}{parts} are {needed - limit} more than the board's {limit}; "
                "use a smaller network or a bigger board"
            )
