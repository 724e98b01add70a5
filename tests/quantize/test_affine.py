"""Integer affine maps: their integers, their proof, and their distance from the float map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import QuantizationError
from pyexport.graph_check import check_graph
from pyexport.ir import Affine, Graph, Node, QuantizedAffine, QuantParams, Tensor
from pyexport.quantize import quantize_int8
from pyexport.quantize.affine import quantize_affine
from pyexport.quantize.linear import MAX_SHARED_SHIFT_ERROR
from pyexport.simulator.fast import FastSimulator
from tests import networks
from tests.simulator.test_fast import assert_same_as_definition

OUTPUT = QuantParams("s8", 2 / 255, 0, -127, 127)


def raw(*steps: float, dtype: str = "u16") -> QuantParams:
    low, high = (0, 65535) if dtype == "u16" else (-32768, 32767)
    return QuantParams(dtype, 1.0, 0, low, high, steps)


def evaluated(op: QuantizedAffine, source: QuantParams, output: QuantParams, rows: Any) -> Any:
    """Return the integer outputs of rows of integers."""
    shape = (rows.shape[1],)
    graph = Graph(
        (Tensor("x", shape, source.dtype, source), Tensor("y", shape, output.dtype, output)),
        (Node("n", op, ("x",), ("y",)),),
        ("x",),
        ("y",),
    )
    check_graph(graph, "int8")
    return FastSimulator(graph).run(rows)


def test_a_weight_has_all_its_bits_and_the_bias_takes_the_offset() -> None:
    # 13.00 +- 1.5 in steps of 0.01, and 1000 +- 600 in steps of 1, both to -1..1
    scale = np.array([1 / 1.5, -1 / 600])
    op = quantize_affine("n", Affine(scale, -scale * [13.0, 1000.0]), raw(0.01, 1.0), OUTPUT)
    assert op.weight.tolist() == [127, -127]
    assert op.bias.tolist() == [-127 * 1300, 127 * 1000]
    assert op.acc_high.tolist() == [127 * (65535 - 1300), 127 * 1000]
    rows = np.array([[1300, 1000], [1450, 400], [1150, 1600], [65535, 65535], [0, 0]])
    outputs = evaluated(op, raw(0.01, 1.0), OUTPUT, rows)
    assert outputs.tolist() == [[0, 0], [127, 127], [-127, -127], [127, -127], [-127, 127]]


def test_a_column_with_scale_zero_is_a_constant_of_the_bias() -> None:
    affine = Affine(np.array([0.0, 0.01]), np.array([0.5, 0.0]))
    op = quantize_affine("n", affine, raw(1.0, 1.0), OUTPUT)
    assert op.weight.tolist() == [0, 127]
    outputs = evaluated(op, raw(1.0, 1.0), OUTPUT, np.array([[0, 0], [65535, 0]]))
    assert OUTPUT.dequantize(outputs)[:, 0].tolist() == pytest.approx([0.5, 0.5], abs=0.004)


def test_a_weight_is_halved_where_the_sums_would_pass_the_pre_shift() -> None:
    # One raw unit of column 0 moves the output by 200 steps: a ratio that asks for a pre_shift.
    scale = np.array([200 * 2 / 255, 1e-5])
    op = quantize_affine("n", Affine(scale, np.zeros(2)), raw(1.0, 1.0), OUTPUT)
    assert op.pre_shift > 0
    assert (np.maximum(-op.acc_low, op.acc_high) << op.pre_shift).max() <= 2**31 - 1
    rows = np.array([[0, 0], [1, 50000], [2, 65535]])
    outputs = evaluated(op, raw(1.0, 1.0), OUTPUT, rows)
    assert outputs.tolist() == [[0, 0], [127, 64], [127, 84]]


def test_a_map_without_common_integers_is_refused_by_name() -> None:
    with pytest.raises(QuantizationError, match=r"^norm: .* no common integers; scale the input$"):
        quantize_affine("norm", Affine(np.array([1e308]), np.zeros(1)), raw(1e300), OUTPUT)


@st.composite
def maps(draw: st.DrawFn) -> tuple[Affine, QuantParams]:
    columns = draw(st.integers(1, 5))
    dtype = draw(st.sampled_from(["u16", "s16", "u8", "s8"]))
    sizes = [10.0 ** draw(st.integers(-4, 3)) for _ in range(columns)]
    center = np.array([draw(st.floats(0.0, 1.0)) for _ in range(columns)])
    if dtype in ("u16", "s16"):
        top = 65535 if dtype == "u16" else 32767
        source = raw(*(size / top for size in sizes), dtype=dtype)
        reals = center * sizes
    else:
        zero = draw(st.integers(0, 127))
        low, high = (0, 255) if dtype == "u8" else (-128, 127)
        source = QuantParams(dtype, 0.5, zero, low, high)
        reals = center * 50.0
        sizes = [50.0] * columns
    scale = np.array([draw(st.sampled_from([1.0, -2.0, 0.1, 30.0, 0.0])) for _ in sizes]) / sizes
    return Affine(scale, -scale * reals), source


@given(maps())
@settings(max_examples=150)
def test_outputs_are_within_a_step_of_the_float_map(drawn: tuple[Affine, QuantParams]) -> None:
    affine, source = drawn
    op = quantize_affine("n", affine, source, OUTPUT)
    random = np.random.default_rng(0)
    size = len(affine.scale)
    rows = random.integers(source.low, source.high, (200, size), endpoint=True)
    rows[0], rows[1] = source.low, source.high
    outputs = evaluated(op, source, OUTPUT, rows)
    exact = source.dequantize(rows) * affine.scale + affine.shift
    clamped = np.clip(exact, OUTPUT.scale * OUTPUT.low, OUTPUT.scale * OUTPUT.high)
    bias = np.asarray(source.unit) * op.weight_scale / 2  # half a unit of the accumulator
    weight = np.where(op.weight == 0, np.abs(affine.scale) * np.abs(source.dequantize(rows)), 0.0)
    bound = OUTPUT.scale * (0.5 + MAX_SHARED_SHIFT_ERROR) + bias + weight
    assert (np.abs(OUTPUT.dequantize(outputs) - clamped) <= bound + 1e-9).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_the_definition_agrees_on_raw_inputs_and_images(seed: int, scheme: str) -> None:
    for model in (networks.uneven(0.0, seed), networks.uneven(-1.0, seed), networks.image(seed)):
        assert_same_as_definition(networks.export(model, scheme=scheme), 20, seed)


def test_a_shape_with_channels_repeats_its_columns() -> None:
    model = networks.image()
    exported = networks.export(model).artifact.graph
    (front, _) = exported.nodes
    assert front.op.kind == "quantized_affine"
    assert len(front.op.weight) == 2  # type: ignore[attr-defined]
    assert exported.tensor(front.outputs[0]).shape == (4, 3, 2)
    assert model.metadata.calibration is not None
    rows = model.metadata.calibration.inputs
    source, output = exported.input.quant, exported.tensor(front.outputs[0]).quant
    assert source is not None
    assert output is not None
    head = replace(exported, nodes=(front,), outputs=front.outputs, tensors=exported.tensors[:2])
    real = output.dequantize(FastSimulator(head).run(rows)).reshape(rows.shape)
    wanted = np.clip(rows * [0.02, 0.005] + [-2.0, -0.7], -1.0, 1.0)
    assert np.abs(real - wanted).max() <= 0.6 * output.scale


def test_a_batchnorm_that_no_layer_can_take_in_is_exported() -> None:
    affine = Affine(np.array([0.5, -2.0, 0.0]), np.array([1.0, 0.0, 3.0]))
    graph = networks.chain_graph(3, [affine])
    integer = quantize_int8(graph, (-10.0, 10.0), None).graph
    source, output = integer.input.quant, integer.output.quant
    assert source is not None
    assert output is not None
    rows = np.array([[-10.0, 5.0, 7.0], [10.0, -10.0, 0.0]])
    got = output.dequantize(FastSimulator(integer).run(source.quantize(rows)))
    assert np.abs(got - (rows * affine.scale + affine.shift)).max() <= output.scale
