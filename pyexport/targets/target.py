"""The record that says what one target is, in terms of the standard library only."""

from __future__ import annotations

from dataclasses import dataclass, replace

FAMILIES = ("host", "arm", "riscv", "wasm", "avr")


@dataclass(frozen=True)
class Target:
    """A kind of processor and the typical chip that stands for it in tables and emulators."""

    name: str  # "cortex-m4": what users type and artifacts store
    title: str  # "Arm Cortex-M4"
    family: str  # one of FAMILIES
    chip: str  # the chip whose memory is used, "" without one
    word_bits: int
    flash_bytes: int  # 0: no limit of its own (host, wasm32)
    ram_bytes: int  # 0: no limit of its own
    guard: str  # C preprocessor expression that is true on this target
    flash_origin: int = 0
    ram_origin: int = 0
    zig_flags: tuple[str, ...] = ()  # -target and -mcpu of zig cc
    gcc: str = ""  # the GNU cross compiler, "" without one
    gcc_flags: tuple[str, ...] = ()
    compiler: str = "zig"  # the one used when none is asked for
    optimize: str = "-Os"  # the level used when none is asked for
    unit: str = "instructions"  # what a measurement counts
    emulated_as: str = ""  # another chip that runs the same code, "" for the chip itself
    multiplies: bool = True  # in one instruction, words or at least bytes; else a call does it

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"target family {self.family!r} is none of {FAMILIES}")
        if self.optimize not in ("-Os", "-O2"):
            raise ValueError(f"target {self.name}: optimize is {self.optimize!r}, not -Os or -O2")

    @property
    def is_chip(self) -> bool:
        """Tell whether the target has flash and RAM of a fixed size."""
        return self.flash_bytes > 0


def roomy_target(target: Target) -> Target:
    """Return a chip that runs the same code and has more flash and RAM than any of its kind."""
    if not target.is_chip:
        return target
    if target.family == "avr":  # the largest with addresses of the same width
        return replace(target, flash_bytes=128 << 10, ram_bytes=16 << 10, emulated_as="atmega1284p")
    return replace(target, flash_bytes=16 << 20, ram_bytes=8 << 20)
