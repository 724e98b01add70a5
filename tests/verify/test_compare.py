"""Comparison: nothing passes unnoticed, and the earliest difference is the one that is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyexport.pipeline import Export
from pyexport.runners import Finding, Runner
from pyexport.verify import Subject, Suite, SuiteOptions, build_suites, session, verify_subject
from pyexport.verify.compare import compare_suite, differs, simulate_suite, tie_outputs
from pyexport.verify.session import TargetReport
from tests import networks
from tests.networks import Recipe
from tests.verify.fake import FakeRunner, edited

SIZES = (12, 8, 6, 4)


@pytest.fixture(scope="module")
def exported() -> Export:
    return networks.export_recipe(Recipe(SIZES))


@pytest.fixture(scope="module")
def suite(exported: Export) -> Suite:
    (random,) = build_suites(exported.artifact, ("random",), SuiteOptions(random=40))
    return random


Reporter = Callable[[Runner], TargetReport]


@pytest.fixture
def report(exported: Export, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Reporter:
    """A function that verifies with a runner of one's own."""

    def verify(runner: Runner) -> TargetReport:
        monkeypatch.setattr(session, "open_runner", lambda *_, **__: runner)
        monkeypatch.setattr(session, "selftest_finding", lambda *_: None)
        subject = Subject(exported.artifact, exported.program, Path("net.h"))
        (target,) = verify_subject(subject, (runner.name,), lambda _: (suite,)).targets
        return target

    return verify


def test_a_right_runner_has_no_problem(exported: Export, report: Reporter) -> None:
    target = report(FakeRunner(exported.artifact))
    assert target.problems == ()
    assert (target.rows, target.output_bytes, target.accumulators) == (40, 160, 40 * 18)
    assert target.measurement is None, "this computer is no chip"
    chip = report(FakeRunner(exported.artifact, name="cortex-m4"))
    assert chip.measurement is not None
    assert chip.measurement.count_max == 20, "a few rows are enough to count on"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (edited("outputs", 7, 2, 1), "output 2"),
        (edited("outputs", 0, 0, 1), "output 0"),
        (lambda r: replace(r, classes=(r.classes + 1) % 4), "class"),
    ],
)
def test_one_wrong_byte_in_the_plain_build_is_noticed(
    exported: Export, report: Reporter, edit: object, words: str
) -> None:
    (problem,) = report(FakeRunner(exported.artifact, edit_run=edit)).problems  # type: ignore[arg-type]
    assert words in problem
    assert "suite random" in problem


def test_a_wrong_output_of_the_trace_build_alone_is_noticed(
    exported: Export, report: Reporter
) -> None:
    runner = FakeRunner(exported.artifact, edit_trace=edited("outputs", 3, 1, 1))
    (problem,) = report(runner).problems
    assert "output 1" in problem
    assert "row 3); 1 of 40 rows differ" in problem


def test_the_earliest_layer_is_told_before_earlier_rows(exported: Export, report: Reporter) -> None:
    def edit(result: object) -> object:
        for row, column in ((2, 17), (5, 8), (30, 3)):  # last, middle and first layer
            result = edited("accumulators", row, column, -1)(result)  # type: ignore[arg-type]
        return result

    target = report(FakeRunner(exported.artifact, edit_trace=edit))  # type: ignore[arg-type]
    assert target.first is not None
    assert (target.first.row, target.first.index) == (30, 3)
    assert target.first.node == exported.artifact.graph.nodes[0].name
    assert target.differing_rows == 3
    sentence = target.first.sentence()
    value, hex_value = target.first.expected, f"0x{int(target.first.expected) & 0xFFFFFFFF:08X}"
    assert f'{target.first.node} "{target.first.source}" neuron 3, accumulator' in sentence
    assert f"simulator {value} ({hex_value})" in sentence


def test_an_accumulator_is_told_before_the_outputs_it_spoils(
    exported: Export, report: Reporter
) -> None:
    runner = FakeRunner(
        exported.artifact,
        edit_run=edited("outputs", 0, 0, 5),
        edit_trace=edited("accumulators", 20, 9, 256),
    )
    assert "accumulator" in report(runner).problems[0]


def test_an_argmax_that_takes_the_last_tie_is_noticed(exported: Export, report: Reporter) -> None:
    problems = report(FakeRunner(exported.artifact, last_tie=True)).problems
    assert any("vectors with ties or extremes give another class" in p for p in problems)


def test_a_failing_self_test_or_finding_is_a_problem(exported: Export, report: Reporter) -> None:
    runner = FakeRunner(exported.artifact, selftest_passes=False)
    assert report(runner).problems == ("the header's own self-test fails",)
    findings = (Finding("helpers", False, "calls __divdi3"), Finding("accesses", True, "fine"))
    runner = FakeRunner(exported.artifact, findings=findings)
    assert report(runner).problems == ("helpers: calls __divdi3",)


def test_no_tool_runs_before_every_target_is_known_to_run(
    exported: Export, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyexport.errors import ToolMissingError

    first = FakeRunner(exported.artifact)

    def opened(name: str, *_: object, **__: object) -> Runner:
        if name == "host":
            return first
        raise ToolMissingError("avr-gcc is not installed")

    monkeypatch.setattr(session, "open_runner", opened)
    subject = Subject(exported.artifact, exported.program, Path("net.h"))
    with pytest.raises(ToolMissingError):
        verify_subject(subject, ("host", "atmega328p"), lambda _: (suite,))
    assert first.calls == []


def test_ties_of_every_position_and_extremes_go_into_argmax(exported: Export) -> None:
    vectors = tie_outputs(exported.artifact)
    assert vectors.dtype == np.int8
    largest = vectors == vectors.max(axis=1, keepdims=True)
    for i in range(4):
        for j in range(i + 1, 4):
            both = largest[:, i] & largest[:, j]
            assert both.any(), f"no vector ties outputs {i} and {j}"
    assert {-128, 127} <= set(np.unique(vectors).tolist())


def test_float_ties_hold_neighbors_zeros_and_limits() -> None:
    artifact = networks.export_recipe(Recipe((4, 5), "none", scheme="float32")).artifact
    vectors = tie_outputs(artifact)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    step = np.nextafter(np.float32(1), np.float32(2))
    apart = (vectors.max(axis=1) == step) & (np.sort(vectors, axis=1)[:, -2] == 1)
    assert apart.any(), "one unit apart"
    zeros = (vectors == 0).all(axis=1)
    signs = np.signbit(vectors[zeros])
    assert (signs[:, 0] & ~signs[:, 1]).any(), "-0 first is the class, for they are equal"
    largest = np.finfo(np.float32).max
    assert (vectors == largest).any()
    assert (vectors == -largest).all(axis=1).any()
    assert (np.abs(vectors[vectors != 0]).min()) <= np.finfo(np.float32).tiny


def test_floats_are_compared_as_bits() -> None:
    zero, minus_zero = np.float32([[0.0]]), np.float32([[-0.0]])
    assert differs(zero, minus_zero).all()
    assert not differs(zero, zero.copy()).any()
    one = np.float32([[1.0]])
    assert differs(one, np.nextafter(one, np.float32(2))).all()


def test_an_empty_difference_has_no_first(exported: Export, suite: Suite) -> None:
    from pyexport.simulator.fast import FastSimulator

    expected = simulate_suite(FastSimulator(exported.artifact.graph), suite)
    comparison = compare_suite(exported.artifact, FakeRunner(exported.artifact), suite, expected)
    assert comparison.first is None
    assert comparison.differing_rows == 0
