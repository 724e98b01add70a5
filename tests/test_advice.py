"""What an export warns of: whole numbers on thin grounds, and accuracy that was lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pyexport.advice import export_warnings
from pyexport.ir import AveragePool2d, Dataset, Reshape
from pyexport.scores import Accuracy
from tests.networks import Recipe, build, chain, export, layer

BLACK = np.zeros((1, 4))
GREY = Dataset(np.linspace(0.0, 1.0, 12).reshape(3, 4))


def test_fractional_evaluation_rows_decide_though_calibration_is_one_black_image() -> None:
    model = chain(4, [layer(4, 3)], input_range=(0.0, 1.0), calibration=BLACK, evaluation=GREY)
    exported = export(model)
    quant = exported.artifact.graph.input.quant
    assert quant is not None
    assert quant.high == 255
    assert "taken as whole numbers" not in exported.header


@pytest.mark.parametrize("calibration", [BLACK, None], ids=["few codes", "no data"])
def test_an_assumption_of_whole_numbers_is_a_warning_and_a_line_of_the_header(
    calibration: np.ndarray | None,
) -> None:
    limits = (0.0, 1.0) if calibration is not None else (0.0, 100.0)
    exported = export(chain(4, [layer(4, 3)], input_range=limits, calibration=calibration))
    assert any("taken as whole numbers" in warning for warning in exported.warnings)
    assert " * inputs      taken as whole numbers\n" in exported.header


def test_whole_rows_over_many_codes_are_no_assumption() -> None:
    exported = export(build(Recipe((6, 5, 3))))
    assert "taken as whole numbers" not in exported.header
    assert exported.warnings == ()


@pytest.mark.parametrize(("exported", "warned"), [(960, True), (980, False), (995, False)])
def test_more_than_a_point_of_accuracy_lost_is_told_with_the_figures(
    exported: int, warned: bool
) -> None:
    made = export(build(Recipe((6, 5, 3))))
    artifact = replace(made.artifact, accuracy=Accuracy(1000, 985, exported))
    warnings = export_warnings(artifact, made.program, None)
    assert len(warnings) == warned
    if warned:
        assert "96.00 % of 1000" in warnings[0]
        assert "98.50 %" in warnings[0]
        assert "--calibration" in warnings[0]


def test_layers_without_a_kernel_of_constant_time_are_named() -> None:
    wide = build(Recipe((6, 5, 3)))
    assert export(wide, optimize="constant-time", target="cortex-m0").warnings == ()
    pooled = chain(16, [Reshape((4, 4, 1)), AveragePool2d((2, 2), (2, 2)), Reshape((4,))])
    warnings = export(pooled, optimize="constant-time", target="cortex-m0").warnings
    assert "(average_pool2d_q15x): what these layers do may branch" in warnings[-1]
    narrow = export(build(Recipe((6, 5, 3))), optimize="constant-time", lanes=16)
    assert not any("constant time" in text for text in narrow.warnings)
    pairs = export(wide, optimize="constant-time", target="cortex-m4")
    assert pairs.warnings == ()
