"""What the object file that only calls predict proves: no helper from outside, no static RAM."""

from __future__ import annotations

import re
from pathlib import Path

from pyexport.runners.build import Recipe
from pyexport.runners.image import Image, read_image
from pyexport.runners.protocol import Finding

# A compiler may turn a loop into one of these; every freestanding toolchain must supply them.
_MEMORY = "memcpy|memmove|memset|memcmp"

# Calls that int8 code may make, by family. 64-bit arithmetic (__aeabi_lmul, __muldi3, ...),
# division, floats and the C library are absent from all of them.
_HELPERS = {
    "host": r"_GLOBAL_OFFSET_TABLE_",
    "arm": r"__aeabi_mem(cpy|move|set|clr)[48]?|__gnu_thumb1_case_\w+",
    "riscv": r"(?!)",
    "wasm": r"(?!)",
    # 16- and 32-bit multiplications, shifts by a variable, saving registers: parts of libgcc
    "avr": r"__u?s?u?mulhisi3|__mulu?s?hisi3|__muluhisi3|__mulshisi3|__mulsi3|__mulhi3"
    r"|__tablejump2__|__prologue_saves__|__epilogue_restores__",
}
# Calls that float32 code may make besides: single precision only.
_SOFT_FLOAT = (
    r"__(add|sub|mul|div|eq|ne|lt|le|gt|ge|unord|cmp)sf[23]|__fix(uns)?sfsi|__float(un)?sisf"
)
_FLOAT_HELPERS = {
    "host": r"(?!)",
    "arm": r"__aeabi_(fadd|fsub|frsub|fmul|fdiv|fcmp\w+|cfcmp\w+|f2iz|f2uiz|i2f|ui2f)"
    rf"|{_SOFT_FLOAT}",
    "riscv": _SOFT_FLOAT,
    "wasm": r"(?!)",
    "avr": _SOFT_FLOAT,
}


def foreign_symbols(recipe: Recipe, undefined: tuple[str, ...]) -> tuple[str, ...]:
    """Return the undefined symbols that a header of this scheme may not need on this target."""
    family = recipe.target.family
    allowed = f"{_MEMORY}|{_HELPERS[family]}"
    if not recipe.target.multiplies:
        allowed += "|__mulsi3"  # of 32 bits
    if recipe.interface.accumulator_dtype == "f32":
        allowed += f"|{_FLOAT_HELPERS[family]}"
    if recipe.interface.state_bytes:
        allowed += "|pyx_ram"  # where the harness, as the caller, keeps the state
    return tuple(name for name in undefined if not re.fullmatch(allowed, name))


def helper_finding(recipe: Recipe, image: Image) -> Finding:
    """Return whether predict calls anything that it should not."""
    foreign = foreign_symbols(recipe, image.undefined)
    if foreign:
        return Finding("helpers", False, f"predict needs {', '.join(foreign)} from outside")
    used = ", ".join(image.undefined) or "nothing"
    return Finding("helpers", True, f"predict needs {used} from outside")


def static_ram_finding(image: Image) -> Finding:
    """Return whether the object keeps variables of its own."""
    writable = [s for s in image.sections if s.writable and s.size]
    names = sorted({f"{s.name} ({s.size} bytes)" for s in writable})
    if names:
        return Finding("static RAM", False, f"writable data in {', '.join(names)}")
    return Finding("static RAM", True, "0 bytes of .data and .bss")


def object_findings(recipe: Recipe, path: Path) -> tuple[Finding, ...]:
    """Return both findings for the object file at `path`."""
    image = read_image(path)
    return helper_finding(recipe, image), static_ram_finding(image)
