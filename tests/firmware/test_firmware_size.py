"""Whether a linked firmware fits its board is said in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import pytest

from scripts.emulated_boards import ROOT

AVR_SIZE = """\
firmware.elf  :
section                     size      addr
.data                         20   8388864
.text                       9500         0
.bss                         300   8388884
.comment                      48         0
Total                       9868
"""


@pytest.fixture(scope="module")
def scripts() -> Iterator[tuple[ModuleType, ModuleType]]:
    """The modules that PlatformIO's build scripts import from beside them."""
    folder = str(ROOT / "firmware" / "scripts")
    sys.path.insert(0, folder)
    try:
        yield import_module("firmware_size"), import_module("model_choice")
    finally:
        sys.path.remove(folder)


def test_sizes_are_read_as_platformio_reads_them(
    scripts: tuple[ModuleType, ModuleType],
) -> None:
    size, _ = scripts
    assert size.matching_bytes(AVR_SIZE, r"^(?:\.text|\.data)\s+(\d+).*") == 9520
    assert size.matching_bytes(AVR_SIZE, r"^(?:\.data|\.bss)\s+(\d+).*") == 320
    berkeley = "text data bss dec\n 100 20 3 123 7b\n"
    assert size.matching_bytes(berkeley, r"^(\d+)\s+(\d+)\s+\d+\s") == 120


def test_the_stack_holds_the_models_scratch_memory_and_calls(
    scripts: tuple[ModuleType, ModuleType],
) -> None:
    size, choice = scripts
    project = ROOT / "firmware"
    model = replace(choice.read_model(project), ram_bytes=64 + 10 + 48)
    assert size.stack_bytes(project, model, True) == 48 + size.CALLS_AVR
    assert size.stack_bytes(project, model, False) == 48 + size.CALLS


@pytest.mark.parametrize(
    ("flash", "ram", "sentence"),
    [
        (9000, 2048, "9500 bytes of flash are 500 more than the board's 9000"),
        (32256, 500, r"520 bytes of RAM \(300 of variables, at least 220 of stack\) are 20 more"),
    ],
)
def test_what_does_not_fit_is_said_with_both_numbers(
    flash: int, ram: int, sentence: str, scripts: tuple[ModuleType, ModuleType]
) -> None:
    size, choice = scripts
    model = choice.read_model(ROOT / "firmware")
    firmware = size.FirmwareSize(flash=9500, static_ram=300, stack=220)
    with pytest.raises(choice.ModelError, match=sentence) as failure:
        size.check_size(model, "uno", firmware, flash, ram)
    assert str(failure.value).startswith("the firmware with digits does not fit uno: ")
    size.check_size(model, "uno", firmware, 9500, 520)
    size.check_size(model, "uno", firmware, 0, 0)  # a board without limits
