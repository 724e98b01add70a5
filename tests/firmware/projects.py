"""Fixtures: the firmware project, and a tiny one, in folders that the tests may build in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.emulated_boards import ENVIRONMENTS, PioProject, copy_project, prepare_core

ALL = [word for name in ENVIRONMENTS for word in ("-e", name)]
NEEDED = (
    "arm-none-eabi-gcc",
    "avr-gcc",
    "avrdude",
    "cppcheck",
    "qemu-system-arm",
    "qemu-system-riscv32",
    "riscv64-unknown-elf-gcc",
)

# Ends with a status of its own: an Arduino core has nothing for that but what our simulator knows.
TINY_MAIN = """\
#include "board.h"

#if defined(ARDUINO)
static void board_exit(int status)
{
    Serial.flush();
    GPIOR1 = (uint8_t)status;
    GPIOR2 = 0xE5;
}
#else
extern "C" void board_exit(int status);
#endif

void setup(void)
{
    board_begin();
    board_write((const uint8_t *)"hello\\n", 6);
    board_exit(7);
}

void loop(void)
{
}
"""
TINY_TEST = """\
#include "pyx_test.h"

static void one_is_one(void)
{
    CHECK(pyx_failed == 0);
}

static void one_is_two(void)
{
    CHECK(pyx_failed == 1);
}

static void run_tests(void)
{
    RUN(one_is_one);
    RUN(one_is_two);
}

PYX_TEST_MAIN(run_tests)
"""


def require_tools() -> None:
    """Skip the module that calls this where a compiler or emulator is not installed."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}", allow_module_level=True)


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PlatformIO's core folder, as scripts/pio_setup makes it without a registry."""
    return prepare_core(tmp_path_factory.mktemp("pio") / "core")


@pytest.fixture(scope="session")
def project(core: Path, tmp_path_factory: pytest.TempPathFactory) -> PioProject:
    """The firmware project with the example model."""
    return copy_project(tmp_path_factory.mktemp("project") / "firmware", core)


@pytest.fixture(scope="session")
def tiny(core: Path, tmp_path_factory: pytest.TempPathFactory) -> PioProject:
    """A project whose program ends with status 7, and whose one test program fails."""
    tiny = copy_project(tmp_path_factory.mktemp("tiny") / "firmware", core)
    shutil.rmtree(tiny.folder / "lib")
    for test in (tiny.folder / "test").glob("test_*/"):
        shutil.rmtree(test)
    (tiny.folder / "src" / "main.cpp").write_text(
        f"#ifndef PIO_UNIT_TESTING\n{TINY_MAIN}#endif\n", encoding="utf-8"
    )
    (tiny.folder / "test" / "test_broken").mkdir()
    (tiny.folder / "test" / "test_broken" / "main.cpp").write_text(TINY_TEST, encoding="utf-8")
    return tiny
