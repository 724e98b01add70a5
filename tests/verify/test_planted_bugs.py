"""Bugs planted in a header on disk: `verify` with its default settings notices every one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pyexport
from pyexport.errors import UsageError
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import Report, build_suites
from pyexport.verify.mutants import LINEAR_MUTANTS, Mutant
from tests.verify.saturating import saturating_model

# what the mismatch names: the first place where the bug can be seen
FIRST_SEEN = {
    "rounding constant missing": "linear1",
    "hidden layer without upper limit": "linear1",
    "hidden layer without lower limit": "linear1",
    "output without upper limit": "linear2 output",
    "output without lower limit": "linear2 output",
    "output zero point off by one": "linear2 output",
    "weights read column by column": "linear0",
    "bias off by one": "linear0",
    "accumulator of 16 bits": "linear0",
    "argmax takes the last of a tie": "class",
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    pyexport.export(saturating_model(), folder, "digits")
    return folder


def verify_with(exported: Path, tmp_path: Path, header: str) -> Report:
    (tmp_path / "digits.px").write_bytes((exported / "digits.px").read_bytes())
    (tmp_path / "digits.h").write_text(header)
    return pyexport.verify(tmp_path / "digits.h")


def test_the_network_saturates_everywhere_and_passes_16_bits(exported: Path) -> None:
    artifact = pyexport.artifact.read_artifact(exported / "digits.px")
    simulator = FastSimulator(artifact.graph)
    outputs, first, passed = set(), set(), False
    for suite in build_suites(artifact):
        traced = simulator.trace(suite.rows)
        assert traced.accumulators is not None
        outputs |= set(traced.outputs.ravel().tolist())
        passed |= bool((abs(traced.accumulators[:, :32]) > 32767).any())
        first |= {bool(v) for v in (traced.accumulators[:, :32] < 0).ravel()}
    assert {-128, 127} <= outputs
    assert first == {True, False}
    assert passed


def test_every_kind_of_bug_is_planted() -> None:
    assert sorted(FIRST_SEEN) == sorted(mutant.name for mutant in LINEAR_MUTANTS)


def test_the_header_without_a_bug_passes(exported: Path, tmp_path: Path) -> None:
    report = verify_with(exported, tmp_path, (exported / "digits.h").read_text())
    assert report.problems == ()
    assert report.ok


@pytest.mark.parametrize("mutant", LINEAR_MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught_and_placed(exported: Path, tmp_path: Path, mutant: Mutant) -> None:
    header = (exported / "digits.h").read_text()
    report = verify_with(exported, tmp_path, mutant.plant(header))
    assert not report.ok
    assert report.observed, "the changed text is not what counts here"
    first = report.observed[0]
    assert first.startswith("host: ")
    place = FIRST_SEEN[mutant.name]
    assert all(word in first for word in place.split()), first
    if place in ("linear0", "linear1"):
        pattern = (
            rf'{place} "net\.\d" neuron \d+, accumulator: simulator (-?\d+) \(0x([0-9A-F]{{8}})\), '
            r"device (-?\d+) \(0x([0-9A-F]{8})\) \(suite \w+, row \d+\); \d+ of \d+ rows differ"
        )
        found = re.search(pattern, first)
        assert found, first
        expected, expected_hex, actual, actual_hex = found.groups()
        assert int(expected) & 0xFFFFFFFF == int(expected_hex, 16)
        assert int(actual) & 0xFFFFFFFF == int(actual_hex, 16)
        assert expected != actual


@pytest.mark.parametrize(
    ("table", "layer"),
    [("linear0_weight", "linear0"), ("linear1_bias", "linear1"), ("linear2_weight", "linear2")],
)
def test_one_hand_edited_number_is_caught_in_its_layer(
    exported: Path, tmp_path: Path, table: str, layer: str
) -> None:
    header = (exported / "digits.h").read_text()
    start = header.index("{", header.index(f" digits_{table}["))
    start = header.index("*/", start) if "/*" in header[start : start + 4] else start
    number = re.compile(r"-?\d+(?=,)").search(header, start)
    assert number
    other = int(number[0]) - 1 if int(number[0]) > 0 else int(number[0]) + 1
    edited = header[: number.start()] + str(other) + header[number.end() :]
    report = verify_with(exported, tmp_path, edited)
    assert report.problems[0].startswith(f'host: {layer} "net.')
    assert "accumulator" in report.problems[0]
    assert "the header's own self-test fails" in report.observed[-1]


def test_a_bug_without_a_place_is_refused(exported: Path) -> None:
    with pytest.raises(UsageError, match="has no place in this header"):
        LINEAR_MUTANTS[0].plant("int main(void) { return 0; }")
