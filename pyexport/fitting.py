"""Says whether a program fits a memory, and if not by how much and which layers cost it."""

from __future__ import annotations

from collections.abc import Sequence

from pyexport.codegen.context import MAX_AVR_TABLES
from pyexport.errors import DoesNotFitError
from pyexport.memory_picture import memory_picture
from pyexport.program import Program
from pyexport.targets import TARGETS, Target

# Bytes beside tables and scratch where nothing can be compiled: code with startup, stack frames.
# From the digits network on every target; larger networks have more kernels, not larger frames.
CODE_BYTES = {"avr": 1500, "arm": 1200, "riscv": 1400, "wasm": 1200, "host": 0}
FRAME_BYTES = {"avr": 110, "arm": 180, "riscv": 160, "wasm": 160, "host": 0}

_NAMED = 3  # tables or buffers that a line names


def io_and_scratch_bytes(program: Program) -> int:
    """Return the bytes of RAM that one inference needs: input, output, scratch, and the state."""
    ports = (*program.inputs, *program.outputs)
    return (
        program.arena_bytes
        + program.state_bytes
        + sum(program.buffer(name).bytes for name in ports)
    )


def check_fits(name: str, program: Program, target: Target | None) -> None:
    """Raise DoesNotFitError if tables or working memory alone are more than the chip has.

    Code, stack frames and the rest of the firmware come on top: what passes may still not fit.
    """
    if target is None:
        return
    flash = MAX_AVR_TABLES if target.family == "avr" else target.flash_bytes
    if flash and program.const_bytes > flash:  # 0: the target has no limit of its own
        raise DoesNotFitError(
            f"{name} does not fit {target.title}: {program.const_bytes} bytes of tables are "
            f"{program.const_bytes - flash} more than the {flash} it can have in flash; "
            f"{flash_costs(program)}; {flash_ways_out(program, program.const_bytes, flash)}"
        )
    needed, ram = io_and_scratch_bytes(program), target.ram_bytes
    if ram and needed > ram:
        raise DoesNotFitError(
            f"{name} does not fit {target.title}: {needed} bytes of input, output and scratch are "
            f"{needed - ram} more than the {ram} it can have in RAM; {ram_costs(program)}; "
            f"{ram_ways_out(program, needed, ram)}"
        )


def check_parts(name: str, program: Program, flash: int | None, ram: int | None) -> None:
    """Raise DoesNotFitError if tables or working memory alone are more than these bytes.

    For a header of no chip in particular: what code and stack take is not known.
    """
    if flash is not None and program.const_bytes > flash:
        raise DoesNotFitError(
            f"{name} does not fit {flash} bytes of flash: its tables alone are "
            f"{program.const_bytes}, {program.const_bytes - flash} more; {flash_costs(program)}; "
            f"{flash_ways_out(program, program.const_bytes, flash)}"
        )
    needed = io_and_scratch_bytes(program)
    if ram is not None and needed > ram:
        raise DoesNotFitError(
            f"{name} does not fit {ram} bytes of RAM: input, output and scratch alone are "
            f"{needed}, {needed - ram} more; {ram_costs(program)}; "
            f"{ram_ways_out(program, needed, ram)}"
        )


def flash_costs(program: Program) -> str:
    """Return which tables are largest: "most is in fc1_weight 40000, fc2_weight 640"."""
    tables = sorted(program.consts, key=lambda const: (-len(const.data), const.name))
    return f"most is in {_listed([(c.name, len(c.data)) for c in tables])}"


def ram_costs(program: Program) -> str:
    """Return while which layer most is alive, and what that is; input and output too."""
    picture = memory_picture(program)
    ports = [
        (row.name, row.bytes)
        for row in picture.rows
        if row.kind in ("input", "output") and not row.inside
    ]
    if not picture.arena_bytes:
        return f"it is {_listed(ports)}"
    alive = [(row.name, row.bytes) for row in picture.peak_rows]
    return f"most of the scratch is alive in {picture.steps[picture.peak]}: {_listed(alive)}"


def flash_ways_out(program: Program, needed: int, limit: int) -> str:
    """Return what would make it fit: fewer weights, another scheme, a chip that is large enough."""
    largest = max(program.consts, key=lambda const: len(const.data), default=None)
    ways = []
    if largest is not None and len(largest.data) > needed - limit:
        item = len(largest.data) // largest.size
        fewer = -(-(needed - limit) // item)
        ways.append(f"{fewer} fewer values in {largest.name} would fit")
    if largest is not None and largest.dtype == "f32":
        ways.append("--scheme int8 takes about a quarter")
    ways += _larger([t for t in TARGETS if t.flash_bytes > needed and _takes(t, needed)], "flash")
    return "; ".join(ways) or "use a smaller network"


def ram_ways_out(program: Program, needed: int, limit: int) -> str:
    """Return what would make it fit: a narrower layer, another scheme, a larger chip."""
    picture = memory_picture(program)
    ways = []
    rows = picture.peak_rows or tuple(r for r in picture.rows if not r.inside)
    largest = max(rows, key=lambda row: row.bytes)
    item = program.buffer(largest.name).item_bytes
    if largest.bytes > needed - limit:
        ways.append(f"{-(-(needed - limit) // item)} fewer values in {largest.name} would fit")
    if item == 4:
        ways.append("--scheme int8 takes a quarter")
    ways += _larger([t for t in TARGETS if t.ram_bytes > needed], "RAM")
    return "; ".join(ways) or "use a smaller network"


def _takes(target: Target, tables: int) -> bool:
    return target.family != "avr" or tables <= MAX_AVR_TABLES


def _larger(targets: Sequence[Target], memory: str) -> list[str]:
    """Return the smallest of the targets as a way out."""
    if not targets:
        return []
    sizes = {t.name: t.flash_bytes if memory == "flash" else t.ram_bytes for t in targets}
    best = min(targets, key=lambda t: sizes[t.name])
    return [f"{best.name} ({best.chip}) has {sizes[best.name]}"]


def _listed(pairs: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{name} {count}" for name, count in pairs[:_NAMED])
    return shown + (f" and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else "")
