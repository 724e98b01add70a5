"""16-bit sums: proved for every legal input, measured in cost, refused where they cost too much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyexport.artifact import parse_artifact, write_artifact
from pyexport.choices import Choices, LaneChoice
from pyexport.errors import UsageError
from pyexport.ir import Linear, QuantizedLinear, QuantParams
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.quantize import lanes
from pyexport.quantize.linear import quantize_linear
from tests.networks import Recipe, build, layer

RECIPE = Recipe((40, 24, 12, 5), gain=2.0)


def export_lanes(recipe: Recipe = RECIPE) -> Export:
    return export_model(build(recipe), ExportOptions("net", lanes=16, check_fits=False))


def sums(export: Export) -> list[QuantizedLinear]:
    return [n.op for n in export.artifact.graph.nodes if isinstance(n.op, QuantizedLinear)]


def test_every_final_sum_is_proved_to_fit_16_bits() -> None:
    wide = export_model(build(RECIPE), ExportOptions("net"))
    assert max(int(op.acc_high.max()) for op in sums(wide)) > 32767
    assert export_lanes().artifact.identity != wide.artifact.identity
    for op in sums(export_lanes()):
        assert op.acc_low.min() >= -32768
        assert op.acc_high.max() <= 32767


def test_rows_shrink_only_as_far_as_the_bound_asks() -> None:
    source = QuantParams("u8", 1.0, 0, 0, 255)
    output = QuantParams("u8", 40.0, 0, 0, 255)
    one = layer(30, 6)
    weight = one.weight * np.linspace(0.01, 1.0, 6, dtype=np.float32)[:, None]
    linear = Linear(weight, one.bias)
    op = quantize_linear("l", linear, source, output, per_channel=True, narrow=True).op
    largest = np.maximum(op.acc_high / 32767, op.acc_low / -32768)
    assert largest.max() <= 1.0
    shrunk = np.abs(op.weight).max(axis=1) < 127
    assert shrunk.any()
    assert (largest[shrunk] > 0.9).all()  # as far as rounding allows


@pytest.mark.parametrize("low", [0.0, -128.0])
def test_a_bias_alone_can_make_a_sum_wide(low: float) -> None:
    source = QuantParams("s8" if low else "u8", 1.0, 0, int(low), 127)
    linear = Linear(np.full((2, 3), 1e-3, np.float32), np.array([50.0, -50.0], np.float32))
    output = QuantParams("s8", 0.5, 0, -128, 127)
    op = quantize_linear("l", linear, source, output, per_channel=True, narrow=True).op
    assert op.acc_high.max() <= 32767
    assert op.acc_low.min() >= -32768


def test_a_layer_that_costs_more_than_the_tolerance_keeps_32_bits(monkeypatch: Any) -> None:
    monkeypatch.setattr(lanes, "TOLERANCE", -9.0)
    wide = export_model(build(RECIPE), ExportOptions("net"))
    kept = export_lanes()
    assert [choice.lanes for choice in kept.artifact.choices.lanes] == [16, 32, 32]
    assert kept.artifact.identity == wide.artifact.identity  # the first fits as it is


def test_wide_inputs_of_many_values_keep_32_bits_by_themselves() -> None:
    found = export_lanes(Recipe((200, 6), input_range=(0.0, 255.0))).artifact.choices.lanes
    assert [choice.lanes for choice in found] == [32]
    assert found[0].cost is not None
    assert found[0].cost > lanes.TOLERANCE


def test_costs_are_told_and_survive_the_artifact() -> None:
    artifact = export_lanes().artifact
    found = artifact.choices.lanes
    assert [choice.node for choice in found] == ["linear0", "linear1", "linear2"]
    assert all(choice.lanes == 16 and choice.cost is not None for choice in found)
    assert parse_artifact(write_artifact(artifact), "net.px").choices == artifact.choices


def test_the_header_says_what_each_layer_got() -> None:
    header = export_lanes().header
    assert "linear1: 16 bits on bytes up to" in header
    assert (
        "16 bits on" not in export_model(build(RECIPE), ExportOptions("net")).header.split("*/")[0]
    )


def test_the_option_is_checked() -> None:
    with pytest.raises(UsageError, match="16 or 32"):
        ExportOptions("net", lanes=8)
    with pytest.raises(UsageError, match="no integer sums"):
        ExportOptions("net", lanes=16, scheme="float32")
    with pytest.raises(UsageError, match="constant-time"):
        ExportOptions("net", optimize="fast")


@pytest.mark.parametrize(
    ("values"), [("n", 8, 255, 0.0), ("n", 16, 255, "0"), (5, 16, 255, 0.0), ("n", 16, 2.5, 0.0)]
)
def test_a_file_cannot_claim_other_lanes(values: Any) -> None:
    with pytest.raises(ValueError, match="the sums of a layer"):
        LaneChoice(*values)
    with pytest.raises(ValueError, match="goal"):
        Choices("fast")
