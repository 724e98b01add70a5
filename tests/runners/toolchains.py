"""Every pair of target and compiler that pyexport knows, installed or not."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.targets import TARGETS

HOST_COMPILERS = ("gcc", "clang", "zig")


@dataclass(frozen=True)
class Toolchain:
    """One compiler with the flags that make it compile for one target."""

    target: str
    compiler: str
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """How test names call it: "zig cortex-m0"."""
        return f"{self.compiler} {self.target}"


def toolchains() -> tuple[Toolchain, ...]:
    """Return every toolchain."""
    chains = [Toolchain("host", name, ()) for name in HOST_COMPILERS]
    for target in TARGETS:
        if target.zig_flags:
            chains.append(Toolchain(target.name, "zig", (*target.zig_flags, "-ffreestanding")))
        if target.gcc:
            chains.append(Toolchain(target.name, target.gcc, (*target.gcc_flags, "-ffreestanding")))
    return tuple(chains)
