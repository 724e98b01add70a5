"""pyexport diff: two artifacts, or two places of one, and what it says where they differ."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import pyexport as api
from tests.cli.command import pyexport, refused

QUICK = ("--suite", "dataset,random", "--random", "20")


def test_the_simulator_and_this_computer_agree(exported: Path) -> None:
    done = pyexport("diff", exported / "digits.px", "@host", *QUICK)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "both give the same in all 50 rows"
    row = next(line for line in done.out.splitlines() if line.startswith("random "))
    assert row.split() == ["random", "20", str(20 * 58), "0"]


def test_two_artifacts_differ_in_a_number_and_in_a_sum(
    model: Path, exported: Path, tmp_path: Path
) -> None:
    api.export(model, tmp_path, "digits", per_channel=False)
    done = pyexport("diff", exported / "digits.px", tmp_path / "digits.px", *QUICK)
    assert done.status == 1
    assert "first difference of their parameters: linear0: weight[" in done.out
    line, smallest, off, own = done.out.splitlines()[-4:]
    assert line.startswith('DIFFERENT linear0 "')
    assert "(0x" in line and "rows differ" in line
    assert smallest.startswith("  smallest input found: ")
    assert "'s sum is " in off and off.endswith(" off")
    assert re.search(r"linear0 neuron \d+: its weight \d+ is -?\d+ and -?\d+", own)
    assert done.err.count("\n") == 1


def test_another_rounding_is_shown_step_by_step_for_both(exported: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(exported, tmp_path / "export"))
    header = copy / "digits.h"
    header.write_text(header.read_text().replace("acc < -128 ? -128", "acc < -120 ? -120", 1))
    rows = ("--suite", "extremes")
    done = pyexport("diff", header, exported / "digits.px", *rows, "--json")
    assert done.status == 1
    first = json.loads(done.out)["first_difference"]
    assert (first["what"], first["a"]) == ("output", -120) and first["b"] < -120
    shown = [line.partition(": ")[2] for line in first["steps"][1:]]
    assert len(shown) == 2 and all("(0x" in line and ">> 16 = " in line for line in shown)
    assert all(line.endswith(f"in -128..127: {first['b']}") for line in shown)


def test_a_rounding_before_is_named_by_what_it_does_behind(exported: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(exported, tmp_path / "export"))
    header = copy / "digits.h"
    wrong = "(uint16_t)(PYEXPORT_READ_U16(&multiplier[o]) ^ ((o == 2) << 9))"
    text = header.read_text()
    assert "PYEXPORT_READ_U16(&multiplier[o])" in text
    header.write_text(text.replace("PYEXPORT_READ_U16(&multiplier[o])", wrong, 1))
    done = pyexport("diff", exported / "digits.px", header, *QUICK)
    assert done.status == 1
    *_, off, here, there = done.out.splitlines()
    assert "as if its input 2, from linear0, were" in off
    assert "linear0 neuron 2" in here and "linear0 neuron 2" in there


def test_a_bug_in_a_header_is_placed_against_another_header(exported: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(exported, tmp_path / "export"))
    header = copy / "digits.h"
    header.write_text(header.read_text().replace("acc += (int16_t)", "acc -= (int16_t)", 1))
    done = pyexport("diff", header, exported / "digits.h", *QUICK, "--json")
    assert done.status == 1
    found = json.loads(done.out)
    assert found["differing_rows"] > 0
    assert found["first"].startswith('linear0 "')
    assert found["parameters"] is None


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ("@host", "@cortex-m0", "name a file on at least one side"),
        ("digits.px", "@nowhere", "'nowhere' is no place to run it"),
        ("missing.px", "@host", "does not exist"),
    ],
)
def test_a_side_that_is_none_is_refused(
    exported: Path, tmp_path: Path, left: str, right: str, reason: str
) -> None:
    given = left if left.startswith("@") else exported / left
    assert reason in refused(tmp_path, "diff", given, right)


def test_models_of_other_shapes_are_refused(exported: Path, tmp_path: Path) -> None:
    from tests.networks import Recipe, build

    api.export(build(Recipe((9, 7, 3))), tmp_path, "small")
    line = refused(tmp_path, "diff", exported / "digits.px", tmp_path / "small.px")
    assert "have inputs of other shapes or types" in line
