"""Layers entered alone: their rows, what their headers compute, and bugs that only they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyexport
from pyexport.verify import Subject, Suite, subject_from_header
from pyexport.verify.budget import thinned
from pyexport.verify.compare_units import compare_unit
from pyexport.verify.units import Unit, enter, make_units, unit_rows
from tests.networks import Recipe, build
from tests.verify.saturating import saturating_model


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = tmp_path_factory.mktemp("digits")
    pyexport.export(saturating_model(), folder, "digits")
    return subject_from_header(folder / "digits.h")


def compared(unit: Unit, target: str = "host") -> int:
    rows = unit_rows(unit.artifact.graph)
    result = compare_unit(Suite("unit", rows, unit), unit, target, None, None)
    assert result.rows == len(rows)
    assert result.accumulators == rows.shape[0] * unit.artifact.graph.output.size
    return result.differing_rows


def test_all_obligations_of_every_layer_are_met_at_its_entry(
    subject: Subject, tmp_path: Path
) -> None:
    units = make_units(subject, tmp_path)
    assert [unit.node for unit in units] == ["linear0", "linear1", "linear2"]
    for unit in units:
        entry = enter(unit.artifact.graph)
        assert (entry.hit | entry.impossible).all()
        assert entry.hit.mean() > 0.99


@pytest.mark.parametrize("target", ["host", "cortex-m0"])
def test_each_layer_alone_agrees_with_the_simulator(
    subject: Subject, tmp_path: Path, target: str
) -> None:
    assert [compared(unit, target) for unit in make_units(subject, tmp_path)] == [0, 0, 0]


def test_the_headers_own_kernels_are_entered(subject: Subject, tmp_path: Path) -> None:
    text = subject.header.read_text()
    start = text.index("{", text.index(" digits_linear1_weight["))
    place = text.index("\n", start) + 1
    first = text[place:].split(",", 1)[0]
    changed = int(first) - 1 if int(first) > 0 else int(first) + 1
    bad = tmp_path / "digits.h"
    bad.write_text(text[:place] + str(changed) + text[place + len(first) :])
    wrong = Subject(subject.artifact, subject.program, bad)
    rows = [compared(unit) for unit in make_units(wrong, tmp_path)]
    assert rows[0] == rows[2] == 0
    assert rows[1] > 0


def test_one_input_alone_shows_each_weight(subject: Subject, tmp_path: Path) -> None:
    _, unit, _ = make_units(subject, tmp_path)
    rows = unit_rows(unit.artifact.graph)
    alone = (rows == 255) & ((rows == 0).sum(axis=1) == rows.shape[1] - 1)[:, None]
    assert alone.any(axis=0).all()


def test_thorough_verifies_a_model_with_all_suites_within_a_budget(tmp_path: Path) -> None:
    pyexport.export(build(Recipe((16, 12, 5))), tmp_path, "small")
    left_out: dict[str, str] = {}
    report = pyexport.verify(tmp_path / "small.h", thorough=True, vectors=300, left_out=left_out)
    assert report.ok
    assert left_out == {}
    names = {comparison.suite for comparison in report.targets[0].comparisons}
    assert names == {
        *("dataset", "random", "corners", "extremes", "boundary", "unit"),
        *("generated", "adversarial", "hunt"),
    }
    assert report.targets[0].rows <= 300


def test_thorough_leaves_out_what_a_model_cannot_have(tmp_path: Path) -> None:
    pyexport.export(build(Recipe((4, 1))), tmp_path, "single")
    left_out: dict[str, str] = {}
    report = pyexport.verify(tmp_path / "single.px", thorough=True, vectors=200, left_out=left_out)
    assert report.ok
    assert sorted(left_out) == ["adversarial", "generated", "hunt"]
    assert "one output" in left_out["hunt"]


def test_a_budget_gives_small_suites_all_and_shares_the_rest() -> None:
    suites = [Suite(name, np.zeros((n, 2))) for name, n in (("a", 5), ("b", 90), ("boundary", 900))]
    counts = [len(suite.rows) for suite in thinned(suites, 100)]
    assert counts[0] == 5
    assert sum(counts) <= 100
    assert counts[2] > 3 * counts[1]
    with pytest.raises(pyexport.errors.UsageError, match="fewer than"):
        thinned(suites, 2)
