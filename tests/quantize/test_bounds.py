"""Accumulator bounds are reached, never passed, and cover every partial sum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import QuantizationError
from pyexport.ir import Linear, QuantizedLinear, QuantParams
from pyexport.quantize.bounds import accumulator_bounds, bits_needed, partial_sums_fit_int32
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.schemes import range_params
from tests.networks import DOZEN, Recipe, device_rows, export_recipe

LIMITS = st.sampled_from([(0, 255), (0, 16), (-128, 127), (5, 10), (-7, -3), (0, 0)])


def extreme_inputs(weight: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each output, the inputs that make its sum least and greatest."""
    return np.where(weight > 0, low, high), np.where(weight > 0, high, low)


@given(st.integers(1, 30), st.integers(1, 8), LIMITS, st.integers(0, 1000))
@settings(max_examples=60)
def test_both_ends_are_reached_and_no_input_passes_them(
    n_in: int, n_out: int, limits: tuple[int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    weight = random.integers(-127, 128, size=(n_out, n_in))
    bias = random.integers(-(2**28), 2**28, size=n_out)
    low, high = accumulator_bounds(weight, bias, *limits)
    least, greatest = extreme_inputs(weight, *limits)
    assert np.array_equal((weight * least).sum(axis=1) + bias, low)
    assert np.array_equal((weight * greatest).sum(axis=1) + bias, high)
    rows = random.integers(limits[0], limits[1] + 1, size=(200, n_in))
    sums = rows @ weight.T + bias
    assert (sums >= low).all()
    assert (sums <= high).all()


@pytest.mark.parametrize("recipe", [r for r in DOZEN if r.scheme == "int8"], ids=str)
def test_the_first_layer_of_an_export_reaches_its_bounds(recipe: Recipe) -> None:
    exported = export_recipe(recipe)
    graph = exported.artifact.graph
    op, quant = graph.nodes[0].op, graph.input.quant
    assert isinstance(op, QuantizedLinear)
    assert quant is not None
    weight = op.weight.astype(np.int64)
    least, greatest = extreme_inputs(weight, quant.low, quant.high)
    assert np.array_equal((weight * least).sum(axis=1) + op.bias, op.acc_low)
    assert np.array_equal((weight * greatest).sum(axis=1) + op.bias, op.acc_high)


@given(st.integers(0, 400), st.sampled_from([(0, 3), (-2, 1), (2, 3)]))
@settings(max_examples=40)
def test_partial_sums_in_every_order_are_covered(seed: int, limits: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    weight = random.integers(-3, 4, size=(1, 3))
    edge = 2**31 - 1 - int(random.integers(0, 20))
    bias = np.array([edge if seed % 2 else -edge - 1])
    reached = []
    for values in itertools.product(range(limits[0], limits[1] + 1), repeat=3):
        for order in itertools.permutations(range(3)):
            total = int(bias[0])
            reached.append(total)
            for i in order:
                total += int(weight[0, i]) * values[i]
                reached.append(total)
    fits = min(reached) >= -(2**31) and max(reached) <= 2**31 - 1
    assert partial_sums_fit_int32(weight, bias, *limits) == fits


def test_the_shifted_final_sum_must_fit_too() -> None:
    weight, bias = np.array([[127]]), np.array([0])
    assert partial_sums_fit_int32(weight, bias, 0, 255, 16)
    assert not partial_sums_fit_int32(weight, bias, 0, 255, 17)


def test_a_layer_that_could_overflow_is_refused_by_name() -> None:
    n_in = 2**31 // (127 * 255) + 10
    wide = Linear(np.ones((1, n_in), np.float32), np.zeros(1))
    source = QuantParams("u8", 1.0, 0, 0, 255)
    with pytest.raises(QuantizationError, match=r"linear3: a sum of \d+ products") as caught:
        quantize_linear("linear3", wide, source, range_params(0.0, 1e9), per_channel=True)
    assert "split the layer" in str(caught.value)


@pytest.mark.parametrize(
    ("low", "high", "bits"),
    [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-128, 127, 8), (-129, 0, 9), (0, 128, 9)],
)
def test_bits_needed_is_the_width_in_twos_complement(low: int, high: int, bits: int) -> None:
    assert bits_needed(low, high) == bits


def test_no_row_of_any_generated_network_leaves_the_bounds() -> None:
    from pyexport.simulator.fast import FastSimulator

    for recipe in DOZEN:
        if recipe.scheme == "int8" and not recipe.softmax:
            exported = export_recipe(recipe)
            graph = exported.artifact.graph
            sums = FastSimulator(graph).trace(device_rows(exported, 400)).accumulators
            ops = [n.op for n in graph.nodes if isinstance(n.op, QuantizedLinear)]
            assert sums is not None
            assert (sums >= np.concatenate([op.acc_low for op in ops])).all()
            assert (sums <= np.concatenate([op.acc_high for op in ops])).all()
