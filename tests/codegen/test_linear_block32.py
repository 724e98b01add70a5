"""Blocks of 32-bit sums give the bytes and the sums of the simulator, with and without zeros."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.verify import Subject
from tests.codegen.test_linear_swar import NETWORKS, kernels, require_equal
from tests.networks import build, device_rows

KERNEL = "linear_block32"


def wide(name: str, goal: str, target: str | None = None) -> Export:
    """Return an export whose layers all take the kernel."""
    recipe = NETWORKS[name]
    options = ExportOptions(
        "net", optimize=goal, target=target, kernels=(KERNEL,), check_fits=False,
        per_channel=recipe.per_channel,
    )  # fmt: skip
    export = export_model(build(recipe), options)
    assert set(kernels(export)) == {KERNEL}
    return export


@pytest.mark.parametrize("goal", ["speed", "constant-time"])
@pytest.mark.parametrize("name", ["remainders", "signed", "tensor"])
def test_outputs_and_sums_are_those_of_the_simulator(tmp_path: Path, name: str, goal: str) -> None:
    require_equal(wide(name, goal), "host-sanitized", tmp_path)


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m3", "rv32imc"])
def test_a_chip_gives_the_same(tmp_path: Path, target: str) -> None:
    require_equal(wide("odd", "balanced", target), target, tmp_path)


@pytest.mark.parametrize("target", ["cortex-m0", "rv32imc"])
def test_sums_of_more_than_16_bits_take_it_where_there_are_no_pairs(target: str) -> None:
    recipe = replace(NETWORKS["signed"], sizes=(800, 4))
    options = {
        goal: ExportOptions("net", optimize=goal, target=target) for goal in ("size", "speed")
    }
    made = {goal: kernels(export_model(build(recipe), options[goal])) for goal in options}
    assert made == {"size": ["linear_q15x"], "speed": [KERNEL]}


@pytest.mark.parametrize("goal", ["speed", "constant-time"])
def test_only_speed_spares_the_products_of_zeros(tmp_path: Path, goal: str) -> None:
    export = wide("digits", goal, "cortex-m3")
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    interface = Subject(export.artifact, export.program, header, "net.h").interface
    measured = open_runner("cortex-m3", header, interface).measure(device_rows(export, 12))
    assert (measured.count_min == measured.count_max) == (goal == "constant-time")
