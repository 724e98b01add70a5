"""The dequantized outputs stay within a derived bound of the float network's, also when degenerate.

The bound is that of docs/arithmetic.md, carried from layer to layer; nothing in it is tuned. It
holds where the ranges cover the inputs: here calibration and check use the same rows, or none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from pyexport.ir import Clamp, Graph, Linear, Model, QuantizedLinear, QuantParams
from pyexport.passes import run_passes
from pyexport.quantize import quantize_int8
from pyexport.quantize.linear import MAX_SHARED_SHIFT_ERROR
from pyexport.reference import evaluate
from pyexport.simulator.fast import FastSimulator
from tests.networks import Recipe, build, chain, export, layer, real_rows, recipes
from tests.quantize.degenerate import DEGENERATE, edited, widen, with_rows


def of_limit(op: QuantizedLinear, source: QuantParams, target: QuantParams) -> Any:
    """Return what a limited ratio may cost each output: nothing unless pre_shift is as well."""
    ratio = source.scale * op.weight_scale / target.scale
    stored = op.multiplier * 2.0 ** (op.pre_shift - 16.0 - op.shift)
    is_limited = (ratio > 1.0001 * stored) & (stored < 256) & (op.multiplier == 2**15 - 1)
    return np.where(
        is_limited, 255 / np.maximum(stored, 2.0**-40) * source.scale * op.weight_scale, 0.0
    )


def error_bound(graph: Graph, integer: Graph, rows: Any) -> Any:
    """Return how far each output may be from the float one: (n, n_out)."""
    values = evaluate(graph, rows)
    quant = integer.input.quant
    assert quant is not None
    error = np.abs(quant.dequantize(quant.quantize(rows)) - rows)
    for node, exact in zip(integer.nodes, graph.nodes, strict=True):
        op, linear = node.op, exact.op
        source = integer.tensor(node.inputs[0]).quant
        target = integer.tensor(node.outputs[0]).quant
        assert isinstance(op, QuantizedLinear)
        assert isinstance(linear, Linear)
        assert source is not None
        assert target is not None
        x = np.abs(values[exact.inputs[0]]) + error  # |byte's real value| is at most this
        weight = np.abs(linear.weight.astype(np.float64))
        of_inputs = error @ weight.T
        of_weights = x.sum(axis=1, keepdims=True) * op.weight_scale / 2
        of_bias = source.scale * op.weight_scale / 2
        of_output = target.scale * (0.5 + MAX_SHARED_SHIFT_ERROR)
        error = of_inputs + of_weights + of_bias + of_limit(op, source, target) + of_output
    return error


def assert_within_bound(model: Model, rows: Any, *, per_channel: bool = True) -> Graph:
    graph = run_passes(model.graph)
    metadata = model.metadata
    assert metadata.input_range is not None
    integer = quantize_int8(
        graph, metadata.input_range, metadata.calibration, None, per_channel=per_channel
    ).graph
    for tensor in integer.tensors:
        assert tensor.quant is not None
        assert np.isfinite(tensor.quant.scale)
        assert tensor.quant.scale > 0.0
    quant, result = integer.input.quant, integer.output.quant
    assert quant is not None
    assert result is not None
    device = quant.quantize(rows)
    outputs = result.dequantize(FastSimulator(integer).run(device))
    exact = evaluate(graph, rows)[graph.output.name]
    slack = 1e-9 * (1.0 + np.abs(exact))  # of float64 itself
    assert (np.abs(outputs - exact) <= error_bound(graph, integer, rows) + slack).all()
    return integer


@given(recipes())
@settings(max_examples=60)
def test_generated_networks(recipe: Recipe) -> None:
    recipe = Recipe(**{**vars(recipe), "softmax": False})
    assert_within_bound(build(recipe), real_rows(recipe, 40), per_channel=recipe.per_channel)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_networks(name: str, per_channel: bool) -> None:
    model = DEGENERATE[name]
    calibration = model.metadata.calibration
    rows = (
        calibration.inputs
        if calibration is not None
        else np.floor(np.random.default_rng(1).random((50, 8)) * 17)
    )
    assert_within_bound(model, rows, per_channel=per_channel)


def shifts_of(model: Model) -> list[Any]:
    graph = assert_within_bound(model, np.asarray(model.metadata.calibration.inputs))  # type: ignore[union-attr]
    return [n.op for n in graph.nodes if isinstance(n.op, QuantizedLinear)]


def test_channels_that_one_shift_would_cost_too_much_get_a_shift_each() -> None:
    # ReLU6 cuts the output range, so one channel's sums are far beyond the others' resolution.
    wide = edited(layer(8, 6, 1), widen)
    (op,) = shifts_of(with_rows([wide, Clamp(0.0, 6.0)], high=255.0))
    assert len(set(op.shift.tolist())) > 1
    assert (op.multiplier >= 2**14).all()


def test_channels_of_very_different_size_share_a_shift_that_costs_nothing() -> None:
    first, _ = shifts_of(DEGENERATE["one channel 1e6 times another"])
    assert len(set(first.shift.tolist())) == 1
    assert first.multiplier.min() < 2**8  # outputs that are 0 whatever their sums are


def test_binary_inputs_shift_the_accumulator_first() -> None:
    (op,) = shifts_of(DEGENERATE["one binary input"])
    assert op.pre_shift > 0
    assert int(max(-op.acc_low.min(), op.acc_high.max())) << op.pre_shift <= 2**30


def test_a_constant_channel_keeps_its_value() -> None:
    rows = np.zeros((4, 2))
    model = chain(2, [Linear(np.zeros((2, 2)), np.array([0.25, -3.0]))], calibration=rows)
    exported = export(model)
    quant = exported.artifact.graph.output.quant
    assert quant is not None
    outputs = FastSimulator(exported.artifact.graph).run(np.array([[0, 0], [16, 3]], np.uint8))
    assert np.abs(quant.dequantize(outputs) - [0.25, -3.0]).max() <= quant.scale * 0.5625
