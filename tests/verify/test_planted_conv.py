"""Convolution and pooling bugs have a place each, and what no row of the network shows is found."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyexport
from pyexport.verify import Subject, SuiteOptions, build_suites, subject_from_header
from pyexport.verify.killing import kill_all
from pyexport.verify.planted_conv import PLANTED_CONV
from pyexport.verify.units import make_units
from scripts.evidence_topics.hunting_conv import LISTS


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> list[Subject]:
    found = []
    for number, bugs in enumerate(LISTS):
        folder = tmp_path_factory.mktemp(f"conv{number}")
        pyexport.export(bugs.make(), folder, "conv", **bugs.options)
        found.append(subject_from_header(folder / "conv.h"))
    return found


def test_each_bug_changes_its_header_in_its_own_way(subjects: list[Subject]) -> None:
    for subject, bugs in zip(subjects, LISTS, strict=True):
        text = subject.header.read_text()
        planted = {mutant.plant(text) for mutant in bugs.bugs}
        assert len(planted) == len({mutant.name for mutant in bugs.bugs}) == len(bugs.bugs)
        assert text not in planted


def test_the_headers_have_the_kernels_that_the_bugs_are_written_for(
    subjects: list[Subject],
) -> None:
    kernels = [{step.kernel for step in s.program.steps} for s in subjects]
    assert {"conv2d_q15x", "max_pool2d", "average_pool2d_q15x"} <= kernels[0]
    assert "conv2d_swar16" in kernels[1]
    assert "conv2d_pool_swar16" in kernels[2]


def test_a_padding_with_zeros_and_a_narrow_sum_are_noticed(
    subjects: list[Subject], tmp_path: Path
) -> None:
    names = {"padded with 0 instead of the zero point", "18-bit accumulator"}
    bugs = [mutant for mutant in PLANTED_CONV if mutant.name in names]
    subject = subjects[0]
    units = make_units(subject, tmp_path)
    rows = SuiteOptions(corners=100)
    suites = build_suites(subject.artifact, ("dataset", "corners", "unit"), rows, units)
    padded, narrow = kill_all(subject, bugs, suites)
    assert {"dataset", "corners"} <= padded.by
    assert narrow.by == {"unit"}  # no row of the network makes that sum so large
