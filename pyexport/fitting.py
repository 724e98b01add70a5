"""Says whether a program fits the memory of the chip that it is specialized for."""

from pyexport.codegen.context import MAX_AVR_TABLES
from pyexport.errors import DoesNotFitError
from pyexport.program import Program
from pyexport.targets import Target


def io_and_scratch_bytes(program: Program) -> int:
    """Return the bytes of RAM that one inference needs: input, output and scratch."""
    ports = (*program.inputs, *program.outputs)
    return program.arena_bytes + sum(program.buffer(name).bytes for name in ports)


def check_fits(name: str, program: Program, target: Target | None) -> None:
    """Raise DoesNotFitError if tables or working memory alone are more than the chip has.

    Code, stack frames and the rest of the firmware come on top: what passes may still not fit.
    """
    if target is None:
        return
    flash = MAX_AVR_TABLES if target.family == "avr" else target.flash_bytes
    _check(name, target, "tables", program.const_bytes, "flash", flash)
    _check(
        name,
        target,
        "input, output and scratch",
        io_and_scratch_bytes(program),
        "RAM",
        target.ram_bytes,
    )


def _check(name: str, target: Target, what: str, needed: int, memory: str, limit: int) -> None:
    if limit and needed > limit:  # 0: the target has no limit of its own
        raise DoesNotFitError(
            f"{name} does not fit {target.title}: {needed} bytes of {what} are {needed - limit} "
            f"more than the {limit} it can have in {memory}; use a smaller network or another "
            "--target"
        )
