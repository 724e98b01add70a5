"""The planted bugs have a place, are noticed, or are shown to change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyexport
from pyexport.verify import Subject, SuiteOptions, build_suites, subject_from_header
from pyexport.verify.killing import kill_all
from pyexport.verify.mutants import Mutant
from pyexport.verify.planted import PLANTED
from pyexport.verify.scan import scan_findings, scan_units
from pyexport.verify.units import make_units
from tests.networks import Recipe, build


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = tmp_path_factory.mktemp("digits")
    pyexport.export(build(Recipe((16, 12, 8, 5))), folder, "digits")
    return subject_from_header(folder / "digits.h")


def test_each_of_the_27_bugs_changes_the_header_in_its_own_way(subject: Subject) -> None:
    text = subject.header.read_text()
    planted = {mutant.plant(text) for mutant in PLANTED}
    assert len(planted) == len({mutant.name for mutant in PLANTED}) == 27


def test_a_bug_that_data_miss_is_noticed_and_one_that_is_none_is_cleared(subject: Subject) -> None:
    names = {"-128 given as -127"}
    bugs = [mutant for mutant in PLANTED if mutant.name in names]
    same = Mutant("limits written the other way", r"acc < 0 \? 0 :", "acc <= 0 ? 0 :")
    suites = build_suites(
        subject.artifact, ("corners", "boundary"), SuiteOptions(corners=100, boundary=300)
    )
    noticed, cleared = kill_all(subject, [*bugs, same], suites)
    assert "boundary" in noticed.by
    assert noticed.is_live
    assert cleared.by == frozenset()
    assert cleared.is_equivalent and not cleared.is_live
    assert cleared.scanned > 100_000


def test_the_scan_compares_every_sum_of_every_proved_interval(
    subject: Subject, tmp_path: Path
) -> None:
    units = make_units(subject, tmp_path)
    scans = scan_units(subject, units, None, None)
    ops = [node.op for node in subject.artifact.graph.nodes]
    wanted = [int((op.acc_high - op.acc_low + 1).sum()) for op in ops]  # type: ignore[attr-defined]
    assert [scan.sums for scan in scans] == wanted
    (finding,) = scan_findings(subject, units, (None, None))
    assert finding.ok


def test_the_scan_names_the_sum_that_a_wrong_limit_spoils(subject: Subject, tmp_path: Path) -> None:
    wrong = tmp_path / "digits.h"
    wrong.write_text(subject.header.read_text().replace("acc > 127 ? 127", "acc > 126 ? 126", 1))
    bad = Subject(subject.artifact, subject.program, wrong)
    (finding,) = scan_findings(bad, make_units(bad, tmp_path), (None, None))
    assert not finding.ok
    assert "simulator 127, device 126" in finding.detail
    assert finding.detail.startswith("linear2 neuron ")
