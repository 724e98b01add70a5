"""The README's figures are those of the evidence page: one source, two places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "evidence" / "spine.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
MEASURED = re.compile(r"^\| ([\w-]+) \| ([\d,]+) \| [\d,]+ \| (\d+) \| (\d+) \| ([\d,]+) ", re.M)
SHOWN = re.compile(r"^([\w-]+) +(\d+) B +(\d+) B +(\d+) B +([\d,]+) ", re.M)


def test_the_demo_shows_four_targets() -> None:
    assert [row[0] for row in SHOWN.findall(README)] == [
        "cortex-m4", "cortex-m0", "rv32imc", "atmega328p"
    ]  # fmt: skip


@pytest.mark.parametrize("shown", SHOWN.findall(README), ids=lambda row: row[0])
def test_the_demo_table_is_that_of_the_evidence_page(shown: tuple[str, ...]) -> None:
    measured = {row[0]: row[1:] for row in MEASURED.findall(PAGE)}
    flash, ram, stack, count = measured[shown[0]]
    assert (flash.replace(",", ""), ram, stack, count) == shown[1:]


def test_the_sentence_about_the_uno_is_true_of_the_table() -> None:
    found = re.search(r"in ([\d,]+) cycles, ([\d.]+) ms at 16 MHz, in (\d+) bytes of RAM", README)
    assert found is not None
    cycles, milliseconds, ram = found.groups()
    row = next(row for row in MEASURED.findall(PAGE) if row[0] == "atmega328p")
    assert cycles == row[4]
    assert float(milliseconds) == round(int(cycles.replace(",", "")) / 16_000, 1)
    assert int(ram) == int(row[2]) + int(row[3]) + 64 + 10


def test_the_firmwares_figures_are_those_of_its_page() -> None:
    page = (ROOT / "docs" / "evidence" / "firmware.md").read_text(encoding="utf-8")
    measured = re.search(r"\| (\d+) bytes \([^|]*; flash ([\d,]+) bytes \|", page)
    assert measured is not None
    ram, flash = measured.groups()
    text = " ".join(README.split())
    assert f"takes {flash} bytes of an emulated Uno's flash and {ram} of its 2,048 bytes" in text
