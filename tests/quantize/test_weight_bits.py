"""Weights of 4 bits: scales that cost least, grids that come through, and what files may claim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import parse_artifact, write_artifact
from pyexport.choices import Choices, WeightChoice
from pyexport.errors import FileFormatError, UsageError
from pyexport.ir import QuantizedLinear
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.quantize.weight_bits import row_scales
from tests.networks import Recipe, build, chain, layer

RECIPE = Recipe((40, 24, 5))


def export4(recipe: Recipe = RECIPE, **options: Any) -> Export:
    return export_model(build(recipe), ExportOptions("net", **{"weights": 4, **options}))


def layers(export: Export) -> list[QuantizedLinear]:
    return [n.op for n in export.artifact.graph.nodes if isinstance(n.op, QuantizedLinear)]


@pytest.mark.parametrize("most", range(1, 8))
def test_a_row_on_a_grid_gets_its_own_step(most: int) -> None:
    random = np.random.default_rng(most)
    integers = random.integers(-most, most + 1, (30, 50))
    integers[:, 0] = most * random.choice([-1, 1], 30)
    integers[0, 1:] = 0  # one weight alone is a grid of any step: the integers are another choice
    step = random.lognormal(-3, 2, 30)
    weight = (integers * step[:, None]).astype(np.float32)
    scale = row_scales(weight, 7)
    found = np.floor(weight / scale[:, None] + 0.5)
    assert found * scale[:, None] == pytest.approx(weight, rel=1e-6)
    coprime = np.gcd.reduce(integers, axis=1) == 1
    assert coprime[1:].any()
    assert np.array_equal(found[coprime], integers[coprime])
    assert scale[coprime] == pytest.approx(step[coprime], rel=1e-6)


def test_clipping_costs_less_than_the_largest_weight_as_the_end() -> None:
    weight = np.random.default_rng(0).normal(size=(20, 64))

    def error(scale: np.ndarray) -> np.ndarray:
        rounded = np.clip(np.floor(weight / scale[:, None] + 0.5), -7, 7)
        return np.asarray(((weight - rounded * scale[:, None]) ** 2).sum(axis=1))

    plain = error(np.abs(weight).max(axis=1) / 7)
    found = error(row_scales(weight, 7))
    assert (found <= plain).all()
    assert found.sum() < 0.9 * plain.sum()
    one = row_scales(weight, 7, per_channel=False)
    assert len(set(one.tolist())) == 1
    assert found.sum() < error(one).sum()


def test_weights_on_a_grid_come_through_the_whole_export_unchanged() -> None:
    random = np.random.default_rng(1)
    drawn = layer(40, 24)
    step = (2.0 ** random.uniform(-8, -4, 24)).astype(np.float32)
    integers = random.integers(-7, 8, (24, 40))
    ops = [replace(drawn, weight=integers.astype(np.float32) * step[:, None]), layer(24, 5)]
    model = chain(40, ops, input_range=(0.0, 16.0))
    options = ExportOptions("net", layer_weights=(("linear0", 4),), lanes=16)
    export = export_model(model, options)
    assert np.array_equal(layers(export)[0].weight, integers)
    (choice,) = export.artifact.choices.weights
    assert choice.is_exact
    assert "linear0: 4 bits, on a grid, unchanged" in export.header
    assert not any("rounding to 4 bits" in warning for warning in export.warnings)


def test_an_output_without_weights_is_a_constant_still() -> None:
    ops = [layer(30, 6)]
    weight = ops[0].weight.copy()
    weight[2] = 0
    model = chain(30, [replace(ops[0], weight=weight)], input_range=(0.0, 16.0))
    (op,) = layers(export_model(model, ExportOptions("net", weights=4)))
    assert not op.weight[2].any()
    assert np.abs(op.weight).max() == 7


def test_what_rounding_costs_is_a_warning_and_in_the_header() -> None:
    export = export4()
    assert all(np.abs(op.weight).max() <= 7 for op in layers(export))
    (warning,) = [w for w in export.warnings if w.startswith("rounding to 4 bits")]
    assert "linear0, linear1 by up to" in warning
    assert "linear0: 4 bits, rounded by" in export.header
    assert "s4 in 2 of the layers" in export.header


def test_a_layer_can_be_named_by_either_name() -> None:
    source = build(RECIPE).graph.nodes[0].source or "linear0"
    for name in ("linear0", source):
        export = export4(weights=8, layer_weights=((name, 4),))
        assert [one.node for one in export.artifact.choices.weights] == ["linear0"]
        assert [np.abs(op.weight).max() for op in layers(export)] == [7, 127]
    export = export4(layer_weights=(("linear1", 8),))
    assert list(export.artifact.choices.weight_bits) == ["linear0"]
    assert "--weights 4 --weights linear1=8" in export.header


def test_the_option_is_checked() -> None:
    with pytest.raises(UsageError, match="4 or 8 bits"):
        ExportOptions("net", weights=3)
    with pytest.raises(UsageError, match="float weights"):
        ExportOptions("net", weights=4, scheme="float32")
    with pytest.raises(UsageError, match="is called so; there are"):
        export4(layer_weights=(("fc9", 4),))


def test_weights_survive_the_artifact() -> None:
    artifact = export4().artifact
    assert artifact.choices.weights
    assert parse_artifact(write_artifact(artifact), "net.px").choices == artifact.choices
    assert export4().artifact.identity == artifact.identity


def test_a_file_cannot_claim_4_bits_of_weights_that_have_more() -> None:
    artifact = export_model(build(RECIPE), ExportOptions("net")).artifact
    claimed = replace(artifact, choices=Choices(weights=(WeightChoice("linear0", 4, 0.1),)))
    with pytest.raises(FileFormatError, match="a weight of linear0 leaves 4 bits"):
        parse_artifact(write_artifact(claimed), "net.px")
    claimed = replace(artifact, choices=Choices(weights=(WeightChoice("x", 4, 0.1),)))
    with pytest.raises(FileFormatError, match="x, of 4 bits, is no linear layer"):
        parse_artifact(write_artifact(claimed), "net.px")


@pytest.mark.parametrize("values", [("n", 3, 0.0), ("n", 4, "0"), (5, 4, 0.0), ("n", 4, np.nan)])
def test_a_file_cannot_claim_other_bits(values: Any) -> None:
    with pytest.raises(ValueError, match="the weights of a layer"):
        WeightChoice(*values)
