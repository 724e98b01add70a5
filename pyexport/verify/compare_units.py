"""Compares one layer alone with the simulator, on any target."""

from __future__ import annotations

from pyexport.runners import Runner, open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.compare import Comparison, compare_suite, simulate_suite
from pyexport.verify.subject import Subject
from pyexport.verify.suites import Suite


def open_unit(unit: Subject, target: str, compiler: str | None, optimize: str | None) -> Runner:
    """Return what runs a layer alone on a target."""
    return open_runner(
        target, unit.header, unit.interface, compiler=compiler, optimize=optimize, shown=unit.shown
    )


def compare_unit(
    suite: Suite, unit: Subject, target: str, compiler: str | None, optimize: str | None
) -> Comparison:
    """Run the rows of a layer through a test header around the subject's, and compare."""
    runner = open_unit(unit, target, compiler, optimize)
    expected = simulate_suite(FastSimulator(unit.artifact.graph), suite)
    return compare_suite(unit.artifact, runner, suite, expected)
