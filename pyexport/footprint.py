"""What an export takes on a chip: compiled and run where the tools are there, else estimated."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import DoesNotFitError, PyexportError
from pyexport.fitting import (
    CODE_BYTES,
    FRAME_BYTES,
    flash_costs,
    flash_ways_out,
    ram_costs,
    ram_ways_out,
)
from pyexport.lower.kernels.linear_ldi16 import step_code_bytes
from pyexport.pipeline import Export
from pyexport.program import Program, Step
from pyexport.runners import available, open_runner
from pyexport.targets import Target
from pyexport.verify.subject import header_interface


@dataclass(frozen=True)
class Footprint:
    """Bytes that one model takes on one target, without the rest of a firmware."""

    target: str
    compiler: str  # "" where nothing was compiled: code and stack are then estimates
    flash_bytes: int  # code and tables
    tables_bytes: int
    static_bytes: int  # .data and .bss
    stack_bytes: int  # of one call of predict, scratch included
    scratch_bytes: int
    input_bytes: int
    output_bytes: int

    @property
    def ram_bytes(self) -> int:
        """Return all that an inference needs: static data, stack, input and output."""
        return self.static_bytes + self.stack_bytes + self.input_bytes + self.output_bytes


def footprint(export: Export, target: Target) -> Footprint:
    """Return what an export takes on a chip; measured on one with room enough where that can be."""
    program = export.program
    if target.is_chip and available(target.name) is None:
        try:
            return _measured(export, target)
        except PyexportError:  # tables that its compiler refuses, say: check_fits tells of those
            pass
    return estimated(program, target)


def estimated(program: Program, target: Target) -> Footprint:
    """Return exact bytes of tables, scratch, input and output, and allowances for the rest.

    Weights that are numbers in the code (linear_ldi16) count with what they take at most.
    """
    weights = sum(step_code_bytes(step) for step in program.steps if isinstance(step, Step))
    return Footprint(
        target=target.name,
        compiler="",
        flash_bytes=program.const_bytes + CODE_BYTES[target.family] + weights,
        tables_bytes=program.const_bytes,
        static_bytes=program.state_bytes,
        stack_bytes=program.arena_bytes + FRAME_BYTES[target.family],
        scratch_bytes=program.arena_bytes,
        input_bytes=_bytes(program, program.inputs),
        output_bytes=_bytes(program, program.outputs),
    )


def check_budget(export: Export, target: Target, flash: int | None, ram: int | None) -> Footprint:
    """Return the footprint; raises DoesNotFitError if it is more than `flash` or `ram` bytes."""
    found, program = footprint(export, target), export.program
    name = export.artifact.name
    how = f"with {found.compiler}" if found.compiler else "code and frames estimated"
    if flash is not None and found.flash_bytes > flash:
        code = found.flash_bytes - found.tables_bytes
        raise DoesNotFitError(
            f"{name} does not fit {flash} bytes of flash on {target.title}: it needs "
            f"{found.flash_bytes}, {found.flash_bytes - flash} more (tables {found.tables_bytes}, "
            f"code {code}; {how}); {flash_costs(program)}; "
            f"{flash_ways_out(program, found.flash_bytes, flash)}"
        )
    if ram is not None and found.ram_bytes > ram:
        frames = found.stack_bytes - found.scratch_bytes
        raise DoesNotFitError(
            f"{name} does not fit {ram} bytes of RAM on {target.title}: it needs "
            f"{found.ram_bytes}, {found.ram_bytes - ram} more (scratch {found.scratch_bytes}, "
            f"input {found.input_bytes}, output {found.output_bytes}, stack frames {frames}, "
            f"static {found.static_bytes}; {how}); {ram_costs(program)}; "
            f"{ram_ways_out(program, found.ram_bytes, ram)}"
        )
    return found


def _measured(export: Export, target: Target) -> Footprint:
    artifact, program = export.artifact, export.program
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{artifact.name}.h"
        header.write_text(export.header, encoding="utf-8")
        interface = header_interface(artifact, program)
        runner = open_runner(target.name, header, interface, shown=artifact.name, roomy=True)
        cost = runner.measure(artifact.vectors.inputs[:2])
    return Footprint(
        target=target.name,
        compiler=cost.compiler,
        flash_bytes=cost.flash_bytes,
        tables_bytes=program.const_bytes,
        static_bytes=cost.ram_static_bytes + program.state_bytes,  # the caller's state
        stack_bytes=cost.stack_bytes,
        scratch_bytes=program.arena_bytes,
        input_bytes=interface.input_bytes,
        output_bytes=interface.output_bytes,
    )


def _bytes(program: Program, names: tuple[str, ...]) -> int:
    return sum(program.buffer(name).bytes for name in names)
