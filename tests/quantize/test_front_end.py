"""When the first layer gets a front end, and that the two together are the layer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyexport.ir import Affine, Clamp, Dataset, Linear
from pyexport.passes import run_passes
from pyexport.quantize import with_front_end
from pyexport.reference import evaluate, forward
from pyexport.simulator.fast import FastSimulator
from tests import networks
from tests.networks import DOZEN, build, chain_graph, layer

ROWS = np.random.default_rng(0).random((50, 4)) * [1.0, 1.0, 100.0, 2000.0]
LAYER = Linear(np.random.default_rng(1).normal(size=(6, 4)) / [1.0, 1.0, 100.0, 2000.0], np.ones(6))


def kinds(linear: Linear, rows: np.ndarray, declared: tuple[float, float]) -> list[str]:
    graph, _ = with_front_end(chain_graph(4, [linear]), declared, Dataset(rows), None)
    return [node.op.kind for node in graph.nodes]


def test_columns_that_differ_widely_get_one() -> None:
    assert kinds(LAYER, ROWS, (0.0, 2000.0)) == ["affine", "linear"]


def test_a_scaler_multiplied_into_the_layer_gets_one() -> None:
    # Whole bytes go in exactly, but the weights of two columns are 1/500 of the others.
    rows = np.floor(np.random.default_rng(0).random((50, 4)) * 17)
    spoilt = Linear(
        np.random.default_rng(1).normal(size=(6, 4)) * [1.0, 500.0, 1.0, 1.0], np.ones(6)
    )
    spoilt_rows = rows * [1.0, 1 / 16, 1.0, 1.0] // 1  # the magnified column is 0 or 1
    assert kinds(spoilt, spoilt_rows, (0.0, 16.0)) == ["affine", "linear"]


def test_even_columns_get_none() -> None:
    even = Linear(LAYER.weight * [1.0, 1.0, 100.0, 2000.0], LAYER.bias)
    rows = np.floor(np.random.default_rng(2).random((50, 4)) * 17)
    assert kinds(even, rows, (0.0, 16.0)) == ["linear"]
    for recipe in DOZEN:
        if recipe.scheme == "int8":
            model = build(recipe)
            graph, notes = with_front_end(
                run_passes(model.graph), recipe.input_range, model.metadata.calibration, None
            )
            assert graph is not None
            assert all(node.op.kind != "affine" for node in graph.nodes), recipe
            assert notes == ()


def test_without_rows_there_is_none() -> None:
    graph = chain_graph(4, [LAYER])
    assert with_front_end(graph, (0.0, 2000.0), None, None) == (graph, ())
    assert with_front_end(graph, (0.0, 2000.0), Dataset(ROWS[:0]), None) == (graph, ())


def test_the_function_stays_the_same_where_the_front_end_does_not_saturate() -> None:
    graph = chain_graph(4, [LAYER, layer(6, 3)])
    changed, _ = with_front_end(graph, (0.0, 2000.0), Dataset(ROWS), None)
    assert changed is not graph
    np.testing.assert_allclose(forward(changed, ROWS), forward(graph, ROWS), atol=1e-12)
    values = evaluate(changed, ROWS)[changed.nodes[0].outputs[0]]
    assert 0.5 <= np.abs(values).max() < 1.0


def test_it_saturates_an_eighth_of_the_width_beyond_the_rows_inside_the_declared_range() -> None:
    changed, _ = with_front_end(chain_graph(4, [LAYER]), (0.0, 2000.0), Dataset(ROWS), None)
    front = changed.nodes[0].op
    assert isinstance(front, Affine)
    assert (front.low, front.high) == (-1.0, 1.0)
    least, most = ROWS.min(axis=0), ROWS.max(axis=0)
    ends = evaluate(changed, np.stack([least, most, most + 0.13 * (most - least)]))
    reached = ends[changed.nodes[0].outputs[0]]
    assert (np.abs(reached[:2]) < 1.0).all()
    assert reached[2].max() == 1.0
    assert least[0] - (most - least)[0] / 8 < 0.0  # so the declared 0 is the limit
    assert (0.0 * front.scale + front.shift)[0] == pytest.approx(
        -(2.0 * front.scale * most * (1.0 + (1.0 - least / most) / 8) + 2.0 * front.shift)[0] / 2.0
    )


def test_a_constant_column_becomes_part_of_the_bias_and_is_told() -> None:
    rows = ROWS.copy()
    rows[:, 1] = 0.7
    graph = chain_graph(4, [LAYER])
    changed, notes = with_front_end(graph, (0.0, 2000.0), Dataset(rows), None)
    assert notes == (
        "input columns 1 (1 of 4) have one value in all calibration rows and are taken as "
        "constant; if they can change, add rows that show it",
    )
    np.testing.assert_allclose(forward(changed, rows), forward(graph, rows), atol=1e-12)


def test_rows_that_show_no_column_vary_give_none() -> None:
    graph = chain_graph(4, [LAYER])
    for rows in (ROWS[:1], np.repeat(ROWS[:1], 30, axis=0)):
        assert with_front_end(graph, (0.0, 2000.0), Dataset(rows), None) == (graph, ())


def test_a_column_that_few_rows_show_constant_takes_the_declared_range_of_bytes() -> None:
    rows = np.floor(np.random.default_rng(0).random((20, 4)) * [17, 2, 17, 17])
    rows[:, 3] = 5.0
    spoilt = Linear(
        np.random.default_rng(1).normal(size=(6, 4)) * [1.0, 500.0, 1.0, 1.0], np.ones(6)
    )
    graph = chain_graph(4, [spoilt])
    for count, told in ((9, 0), (10, 1)):
        changed, notes = with_front_end(graph, (0.0, 16.0), Dataset(rows[:count]), None)
        front = changed.nodes[0].op
        assert isinstance(front, Affine)
        assert len(notes) == told
        if told:
            assert front.scale[3] == 0.0
        else:
            ends = np.array([0.0, 16.0]) * front.scale[3] + front.shift[3]
            assert ends[0] == pytest.approx(-ends[1])
            assert ends[1] > 0.0


def test_evaluation_values_that_it_saturates_are_told() -> None:
    graph = chain_graph(4, [LAYER])
    more = ROWS[:3].copy()
    more[0, 2], more[1] = 150.0, [1.5, 0.5, 120.0, 500.0]
    _, notes = with_front_end(graph, (0.0, 2000.0), Dataset(ROWS), Dataset(more))
    assert notes == (
        "3 of 12 evaluation values, in 2 of 3 rows, lie beyond the calibration rows and an eighth "
        "of a column's width, where the front end saturates; calibrate with rows that show them",
    )
    assert with_front_end(graph, (0.0, 2000.0), Dataset(ROWS), Dataset(ROWS))[1] == ()


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_an_uneven_network_is_as_good_as_an_even_one(low: float) -> None:
    model = networks.uneven(low)
    exported = networks.export(model)
    graph = exported.artifact.graph
    assert graph.nodes[0].op.kind == "quantized_affine"
    assert model.metadata.calibration is not None
    rows = model.metadata.calibration.inputs
    source, output = graph.input.quant, graph.output.quant
    assert source is not None
    assert output is not None
    assert source.dtype == ("u16" if low == 0.0 else "s16")
    assert source.steps == (0.01, 0.01, 0.1, 1.0, 1.0)
    got = output.dequantize(FastSimulator(graph).run(source.quantize(rows)))
    exact = forward(model.graph, rows)
    assert np.abs(got - exact).max() <= 0.03 * (exact.max() - exact.min())


def test_the_same_rows_give_the_same_front_end() -> None:
    exports = [networks.export(networks.uneven()) for _ in range(2)]
    assert exports[0].files() == exports[1].files()


def test_a_clamp_before_the_first_layer_is_a_front_end_as_it_is() -> None:
    scaler = Affine(np.array([0.5, 0.01, 2.0, 1.0]), np.zeros(4))
    ops = [scaler, Clamp(0.0, 1.0), layer(4, 6), Clamp(0.0, math.inf), layer(6, 2)]
    rows = np.random.default_rng(0).random((50, 4)) * [3.0, 150.0, 0.7, 1.5]
    model = networks.chain(4, ops, input_range=(0.0, 150.0), calibration=rows)
    for scheme, kind in (("int8", "quantized_affine"), ("float32", "affine")):
        exported = networks.export(model, scheme=scheme)
        assert exported.artifact.graph.nodes[0].op.kind == kind
        assert "affine + clamp 0..1" in exported.header
