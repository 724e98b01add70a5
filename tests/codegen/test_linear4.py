"""Kernels of 4-bit weights give the bytes and the sums of the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyexport.choices import GOALS
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.runners import open_runner
from pyexport.verify import Subject
from tests.codegen.test_linear_swar import NETWORKS, kernels, require_equal
from tests.networks import Recipe, build, device_rows

KERNEL = {
    "size": "linear_q15x_s4",
    "balanced": "linear_swar4",
    "speed": "linear_swar16",
    "constant-time": "linear_swar4",
}
SMALL = Recipe((13, 21, 11))  # enough weights in each layer to be packed; remainders of blocks


def exported(recipe: Recipe, goal: str, target: str | None = None, lanes: int = 16) -> Export:
    options = ExportOptions(
        "net", optimize=goal, lanes=lanes, weights=4, target=target, check_fits=False
    )
    return export_model(build(recipe), options)


@pytest.mark.parametrize("goal", GOALS)
def test_outputs_and_sums_are_those_of_the_simulator(tmp_path: Path, goal: str) -> None:
    export = exported(SMALL, goal)
    assert kernels(export) == [KERNEL[goal]] * 2
    require_equal(export, "host", tmp_path)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "tensor"])
@pytest.mark.parametrize("goal", ["balanced", "constant-time"])
def test_every_remainder_of_a_block(tmp_path: Path, name: str, goal: str) -> None:
    export = exported(NETWORKS[name], goal)
    assert set(kernels(export)) == {"linear_swar4"}
    require_equal(export, "host-sanitized", tmp_path)


@pytest.mark.parametrize(
    ("target", "goal"),
    [
        ("cortex-m0", "balanced"),
        ("cortex-m4", "balanced"),
        ("cortex-m4", "constant-time"),
        ("rv32imc", "balanced"),
        ("rv32imc", "size"),
        ("atmega328p", "size"),
    ],
)
def test_a_chip_gives_the_same(tmp_path: Path, target: str, goal: str) -> None:
    export = exported(SMALL, goal, target)
    assert kernels(export) == [KERNEL[goal]] * 2
    require_equal(export, target, tmp_path)


def test_sums_of_32_bits_take_the_plain_kernel_of_4_bits(tmp_path: Path) -> None:
    wide = Recipe((401, 9), input_range=(0.0, 255.0))
    export = exported(wide, "size", lanes=32)
    assert kernels(export) == ["linear_q15x_s4"]
    require_equal(export, "host-sanitized", tmp_path)


def test_few_weights_stay_a_byte_each() -> None:
    assert kernels(exported(Recipe((6, 4)), "size")) == ["linear_q15x"]


def test_weights_of_4_bits_take_half_the_flash() -> None:
    recipe = NETWORKS["digits"]
    packed, whole = exported(recipe, "size"), export_model(build(recipe), ExportOptions("net"))
    saved = whole.program.const_bytes - packed.program.const_bytes
    assert saved >= (64 * 32 + 32 * 16 + 16 * 10) // 2


def test_constant_time_takes_as_many_instructions_for_every_input(tmp_path: Path) -> None:
    export = exported(NETWORKS["remainders"], "constant-time", "cortex-m4")
    header = tmp_path / "net.h"
    header.write_text(export.header, encoding="utf-8")
    subject = Subject(export.artifact, export.program, header, "net.h")
    measured = open_runner("cortex-m4", header, subject.interface).measure(device_rows(export, 20))
    assert measured.count_min == measured.count_max
