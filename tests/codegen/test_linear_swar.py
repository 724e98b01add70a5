"""Kernels with two sums in a word give the bytes and the sums of the simulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.choices import GOALS
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import Subject, build_suites
from tests.networks import Recipe, build, device_rows

# name -> sizes that leave remainders, signed inputs, wide outputs, one shift an output
NETWORKS = {
    "digits": Recipe((64, 32, 16, 10)),
    "remainders": Recipe((13, 21, 7, 3)),
    "two": Recipe((3, 2)),
    "signed": Recipe((18, 17, 5), activation="none", input_range=(-8.0, 8.0)),
    "odd": Recipe((9, 17, 5)),
    "tensor": Recipe((16, 12, 4), per_channel=False),
}


def exported(name: str, goal: str, target: str | None = None) -> Export:
    recipe = NETWORKS[name]
    options = ExportOptions(
        "net",
        optimize=goal,
        lanes=16,
        target=target,
        per_channel=recipe.per_channel,
        check_fits=False,
    )
    return export_model(build(recipe), options)


def kernels(export: Export) -> list[str]:
    return [step.kernel for step in export.program.steps]  # type: ignore[union-attr]


def require_equal(export: Export, target: str, folder: Path) -> None:
    """Compare outputs and sums of corners, noise and the accumulators' extremes."""
    header = folder / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    suites = build_suites(export.artifact, ("extremes",))
    rows = np.concatenate([device_rows(export, 60), *(suite.rows for suite in suites)])
    runner = open_runner(target, header, subject.interface)
    traced, expected = runner.trace(rows), FastSimulator(export.artifact.graph).trace(rows)
    assert np.array_equal(traced.outputs, expected.outputs)
    assert np.array_equal(traced.accumulators, expected.accumulators)
    assert np.array_equal(runner.run(rows).outputs, expected.outputs)


@pytest.mark.parametrize("goal", [goal for goal in GOALS if goal != "size"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_sums_are_those_of_the_simulator(tmp_path: Path, name: str, goal: str) -> None:
    export = exported(name, goal)
    kernel = "linear_swar8" if goal == "balanced" else "linear_swar16"
    assert [lane.lanes for lane in export.artifact.choices.lanes] == [16] * len(kernels(export))
    assert kernels(export) == [kernel] * (len(NETWORKS[name].sizes) - 1)
    require_equal(export, "host", tmp_path)


@pytest.mark.parametrize(
    ("target", "goal"),
    [
        ("host-sanitized", "speed"),
        ("host-sanitized", "balanced"),
        ("cortex-m0", "balanced"),
        ("rv32imc", "constant-time"),
    ],
)
def test_a_chip_gives_the_same(tmp_path: Path, target: str, goal: str) -> None:
    chip = None if target.startswith("host") else target
    require_equal(exported("remainders", goal, chip), target, tmp_path)


def test_constant_time_takes_as_many_instructions_for_every_input(tmp_path: Path) -> None:
    export = exported("remainders", "constant-time", "cortex-m4")
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    measured = open_runner("cortex-m4", header, subject.interface).measure(device_rows(export, 20))
    assert measured.count_min == measured.count_max


def test_the_goal_changes_no_byte_and_no_identity() -> None:
    exports = [exported("digits", goal) for goal in GOALS]
    assert len({e.artifact.identity for e in exports}) == 1
    assert len({e.header for e in exports}) == len(GOALS)


def test_without_a_goal_or_lanes_headers_stay_as_they_were() -> None:
    recipe = NETWORKS["digits"]
    plain = export_model(build(recipe), ExportOptions("net"))
    assert kernels(plain) == ["linear_q15x"] * 3
    assert "goal" not in str(plain.files()["net.px"][:4000])


def test_sums_of_32_bits_take_no_lanes() -> None:
    wide: Any = replace(NETWORKS["signed"], sizes=(800, 4))
    for target, kernel in ((None, "linear_smlad24"), ("cortex-m0", "linear_block32")):
        options = ExportOptions("net", optimize="speed", target=target, check_fits=False)
        assert kernels(export_model(build(wide), options)) == [kernel]
