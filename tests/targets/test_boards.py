"""The boards that --fits lists: well formed, agreeing with the targets, and judged rightly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyexport.board_fits import board_fits
from pyexport.footprint import estimated
from pyexport.targets import TARGETS, get_target
from pyexport.targets.boards import read_boards
from tests.cli.command import pyexport
from tests.networks import Recipe, export_recipe


def test_every_board_has_a_chip_a_core_and_memory() -> None:
    boards = read_boards()
    assert len({board.name for board in boards}) == len(boards) >= 15
    for board in boards:
        assert board.name and board.chip
        assert 0 < board.ram_bytes < board.flash_bytes
        assert get_target(board.target).is_chip


def test_a_board_with_the_chip_of_a_target_has_its_memory() -> None:
    chips = {target.chip: target for target in TARGETS if target.is_chip}
    shared = [board for board in read_boards() if board.chip in chips]
    assert len(shared) >= 5
    for board in shared:
        target = chips[board.chip]
        assert board.core == target.name
        assert board.flash_bytes == target.flash_bytes
        if board.chip != "ESP32-C3":  # of its 400 KB some is cache
            assert board.ram_bytes == target.ram_bytes


@pytest.mark.parametrize(
    ("sizes", "small", "why"),
    [
        ((64, 32, 16, 10), set(), ""),
        ((2, 2000, 1), {"Digispark", "Arduino Uno R3", "Arduino Nano", "CH32V003 board",
                        "STM32F030F4 board"}, "bytes of"),
        ((200, 190, 5), {"Digispark", "Arduino Uno R3", "Arduino Nano", "Arduino Mega 2560",
                         "CH32V003 board", "STM32F030F4 board"}, "tables over 32767"),
    ],
)  # fmt: skip
def test_small_boards_are_told_apart(sizes: tuple[int, ...], small: set[str], why: str) -> None:
    program = export_recipe(Recipe(sizes)).program
    fits = board_fits(lambda name: program)
    assert {fit.board.name for fit in fits if not fit.fits} == small
    assert not small or any(why in fit.problem for fit in fits)
    for fit in fits:
        needed = estimated(program, get_target(fit.board.target))
        assert (fit.flash_bytes, fit.ram_bytes) == (needed.flash_bytes, needed.ram_bytes)


def test_inspect_lists_the_boards(tmp_path: Path) -> None:
    export_recipe(Recipe((64, 32, 16, 10))).write(tmp_path)
    done = pyexport("inspect", tmp_path / "net.px", "--fits")
    rows = [
        line for line in done.out.splitlines() if line.startswith(("Arduino Uno R3", "D1 mini"))
    ]
    assert [row.split()[-1] for row in rows] == ["yes", "yes"]
    document = json.loads(pyexport("inspect", tmp_path / "net.px", "--fits", "--json").out)
    uno = next(row for row in document["boards"] if row["board"] == "Arduino Uno R3")
    assert uno["fits"] and uno["board_ram_bytes"] == 2048
