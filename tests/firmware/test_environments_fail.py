"""Every emulated environment fails when it must: a failed test, a program's status, a defect."""

from __future__ import annotations

import re

from scripts.emulated_boards import ENVIRONMENTS, PioProject
from tests.firmware.projects import ALL, core, require_tools, tiny

__all__ = ["core", "tiny"]
require_tools()


def test_a_broken_test_fails_on_every_board(tiny: PioProject) -> None:
    done = tiny.pio("test", *ALL)
    assert done.returncode == 1, done.stdout + done.stderr
    failed = re.findall(r"^(\w+) +test_broken +FAILED", done.stdout + done.stderr, re.M)
    assert sorted(failed) == sorted(ENVIRONMENTS)
    assert done.stdout.count("PASS one_is_one") == len(ENVIRONMENTS)
    assert "# line 10: pyx_failed == 1" in done.stdout


def test_the_status_of_a_program_comes_through_on_every_board(tiny: PioProject) -> None:
    done = tiny.pio("run", *ALL, "-t", "exec")
    assert done.returncode == 1, done.stdout + done.stderr
    ended = re.findall(r"^Error: (\w+) ended with status (\d+)$", done.stderr, re.M)
    assert [status for _, status in ended] == ["7"] * len(ENVIRONMENTS)
    assert done.stdout.count("hello") == len(ENVIRONMENTS)


def test_check_fails_on_a_defect(tiny: PioProject) -> None:
    source = tiny.folder / "src" / "defect.cpp"
    source.write_text("int defect(void)\n{\n    int a[2];\n    return a[2];\n}\n", encoding="utf-8")
    try:
        done = tiny.pio("check", "-e", "uno_sim", "--fail-on-defect=high")
    finally:
        source.unlink()
    assert done.returncode == 1
    assert "arrayIndexOutOfBounds" in done.stdout
