"""Which boards hold a program: exact tables and buffers, with allowances for code and frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyexport.codegen.context import MAX_AVR_TABLES
from pyexport.fitting import CODE_BYTES, FRAME_BYTES, io_and_scratch_bytes
from pyexport.program import Program
from pyexport.targets import get_target
from pyexport.targets.boards import Board, read_boards


@dataclass(frozen=True)
class BoardFit:
    """What a program takes on one board."""

    board: Board
    flash_bytes: int  # tables, and an allowance for code
    ram_bytes: int  # input, output and scratch, and an allowance for stack frames
    problem: str  # why it does not fit, "" if it does

    @property
    def fits(self) -> bool:
        """Tell whether the board holds it."""
        return not self.problem


def board_fits(program_for: Callable[[str], Program]) -> tuple[BoardFit, ...]:
    """Return a row for every board. program_for gives the program for a target's name."""
    return tuple(_fit(board, program_for(board.target)) for board in read_boards())


def _fit(board: Board, program: Program) -> BoardFit:
    family = get_target(board.target).family
    flash = program.const_bytes + CODE_BYTES[family]
    ram = io_and_scratch_bytes(program) + FRAME_BYTES[family]
    problem = ""
    if family == "avr" and program.const_bytes > MAX_AVR_TABLES:
        problem = f"tables over {MAX_AVR_TABLES}"
    elif flash > board.flash_bytes:
        problem = f"{flash - board.flash_bytes} bytes of flash"
    elif ram > board.ram_bytes:
        problem = f"{ram - board.ram_bytes} bytes of RAM"
    return BoardFit(board, flash, ram, problem)
