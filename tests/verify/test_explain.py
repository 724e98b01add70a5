"""A first difference is explained by the step that goes wrong, on a small input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pyexport
from pyexport.verify.explain import Explanation
from tests.verify.saturating import saturating_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    pyexport.export(saturating_model(), folder, "digits")
    return folder


def explained(exported: Path, tmp_path: Path, old: str, new: str) -> Explanation:
    (tmp_path / "digits.px").write_bytes((exported / "digits.px").read_bytes())
    text = (exported / "digits.h").read_text()
    assert old in text
    (tmp_path / "digits.h").write_text(text.replace(old, new, 1))
    report = pyexport.verify(tmp_path / "digits.h", suites=["corners"], random_rows=100)
    found = report.targets[0].explanation
    assert found is not None
    return found


def test_a_wrong_limit_of_the_output_is_shown_step_by_step(exported: Path, tmp_path: Path) -> None:
    found = explained(exported, tmp_path, "acc < -128 ? -128", "acc < -120 ? -120")
    smallest, steps = found.lines
    assert smallest.startswith("smallest input found: ")
    pattern = (
        r"the sum agrees; \(0x[0-9A-F]{8}\) \* \d+ >> 16 = -?\d+, \(-?\d+ \+ \d+\) >> \d+ = -?\d+"
        r"( \+ -?\d+ = -?\d+)?, in -128\.\.127: (-?\d+); the device gives -120"
    )
    match = re.fullmatch(pattern, steps)
    assert match, steps
    assert int(match[2]) == found.mismatch.expected < -120


def test_a_hidden_neuron_is_named_by_what_it_does_to_the_sums_behind_it(
    exported: Path, tmp_path: Path
) -> None:
    wrong = "PYEXPORT_READ_U16(&multiplier[o]) ^ ((o == 2) << 9)"
    found = explained(
        exported, tmp_path, "PYEXPORT_READ_U16(&multiplier[o])", f"(uint16_t)({wrong})"
    )
    assert found.mismatch.node == "linear1"
    assert "as if its input 2, from linear0, were" in found.lines[1]
    assert found.lines[2].startswith("linear0 neuron 2: its sum agrees; (0x")


def test_the_input_is_small_and_still_shows_the_bug(exported: Path, tmp_path: Path) -> None:
    wrong = "acc += (int16_t)PYEXPORT_READ_S8(w) * (int16_t)(i == 5 ? in[i] + in[i] : in[i]);"
    right = "acc += (int16_t)PYEXPORT_READ_S8(w) * (int16_t)in[i];"
    found = explained(exported, tmp_path, right, wrong)
    assert found.lines[0] == ("smallest input found: [5] = 1; the other 63 values are zero")
