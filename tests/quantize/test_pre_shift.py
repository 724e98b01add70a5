"""Layers with outputs far finer than their accumulators keep their clamps and their classes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyexport.artifact import write_artifact
from pyexport.ir import Affine, Clamp, Linear, Model, QuantizedLinear, QuantParams
from pyexport.passes import run_passes
from pyexport.pipeline import Export
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.pre_shift import SHIFTED_LIMIT, choose_pre_shift, largest_ratio
from pyexport.reference import forward
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator, argmax
from pyexport.simulator.plain import read_plain
from tests.codegen.compile_c import CompiledModel
from tests.networks import chain, export, layer
from tests.quantize.test_accuracy import assert_within_bound


def saturated(
    gain: float, act: Clamp, *, outlier: float = 1.0, n_in: int = 64, top: int = 16
) -> Model:
    """Return n_in-32-10 whose hidden sums pass the clamp by far: all of them, or the first's."""
    random = np.random.default_rng(0)
    weight = gain * random.normal(size=(32, n_in)) / math.sqrt(n_in)
    weight[0] *= outlier
    last = (random.normal(size=(10, 32)) / 5).astype(np.float32)
    rows = np.floor(random.random((300, n_in)) * (top + 1)).clip(0, top)
    ops = [
        Linear(weight.astype(np.float32), (-weight.sum(axis=1) * top / 2).astype(np.float32)),
        act,
        Linear(last, np.zeros(10, np.float32)),
    ]
    return chain(n_in, ops, input_range=(0.0, float(top)), calibration=rows)


RELU6, HARDTANH = Clamp(0.0, 6.0), Clamp(-1.0, 1.0)
MODELS: dict[str, Model] = {
    "relu6, gain 1e5": saturated(1e5, RELU6),
    "relu6, gain 1e6": saturated(1e6, RELU6),
    "relu6, gain 1e8": saturated(1e8, RELU6),
    "hardtanh, gain 1e5": saturated(1e5, HARDTANH),
    "hardtanh, gain 1e6": saturated(1e6, HARDTANH),
    "one channel 1e3": saturated(1.0, RELU6, outlier=1e3),
    "one channel 1e5": saturated(1.0, RELU6, outlier=1e5),
    "one channel 1e6": saturated(1.0, RELU6, outlier=1e6),
    "784 inputs, one channel 1e4": saturated(0.1, RELU6, outlier=1e4, n_in=784, top=255),
}


def agreement(model: Model, exported: Export) -> float:
    """Return the share of rows whose class is the float network's."""
    assert model.metadata.calibration is not None
    rows = model.metadata.calibration.inputs
    classes = argmax(FastSimulator(exported.artifact.graph).run(rows.astype(np.uint8)))
    return float((classes == argmax(forward(run_passes(model.graph), rows))).mean())


@pytest.mark.parametrize("name", MODELS)
def test_the_limits_stay_the_clamps_ends_and_classes_those_of_the_float_network(name: str) -> None:
    model = MODELS[name]
    exported = export(model)
    act = model.graph.nodes[1].op
    hidden = exported.artifact.graph.tensor("linear0_out").quant
    assert isinstance(act, Clamp)
    assert hidden is not None
    ends = hidden.dequantize([hidden.low, hidden.high])
    assert np.abs(ends - [act.low, act.high]).max() <= hidden.scale / 2 * (1 + 1e-9)
    assert agreement(model, exported) >= 0.94
    assert exported.warnings == ()


def test_one_channel_of_a_tiny_running_variance_leaves_the_others_their_resolution() -> None:
    random = np.random.default_rng(3)
    variance = np.full(32, 1.0)
    variance[5] = 1e-12
    scale = 1.0 / np.sqrt(variance + 1e-14)
    rows = np.floor(random.random((200, 64)) * 17).clip(0, 16)
    first = layer(64, 32, 1)
    mean = (rows @ first.weight.T + first.bias).mean(axis=0)
    ops = [first, Affine(scale, -scale * mean), RELU6, layer(32, 10, 2)]
    model = chain(64, ops, calibration=rows)
    exported = export(model)
    assert exported.artifact.graph.tensor("linear0_out").quant.high == 255  # type: ignore[union-attr]
    assert agreement(model, exported) >= 0.97


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_stay_within_the_derived_bound(name: str, per_channel: bool) -> None:
    model = MODELS[name]
    assert model.metadata.calibration is not None
    assert_within_bound(model, model.metadata.calibration.inputs[:60], per_channel=per_channel)


def test_definition_numpy_and_c_agree(tmp_path: Path) -> None:
    for name in ("relu6, gain 1e6", "one channel 1e5"):
        exported = export(MODELS[name])
        path = tmp_path / "net.px"
        path.write_bytes(write_artifact(exported.artifact))
        random = np.random.default_rng(1)
        rows = random.integers(0, 17, size=(25, 64)).astype(np.uint8)
        wanted = FastSimulator(exported.artifact.graph).run(rows)
        plain = read_plain(path)
        assert [definition.run(plain, row).outputs for row in rows.tolist()] == wanted.tolist()
        assert np.array_equal(CompiledModel(exported, tmp_path / name).run(rows), wanted)


def test_a_limited_ratio_saturates_wherever_the_true_one_does() -> None:
    source, output = QuantParams("u8", 1.0, 0, 0, 1), QuantParams("u8", 1e-9, 0, 0, 255)
    linear = Linear(np.array([[1.0, -1.0]]), np.zeros(1))
    op = quantize_linear("n", linear, source, output, per_channel=True).op
    assert op.multiplier[0] * 2.0 ** (op.pre_shift - 16 - int(op.shift[0])) == 256.0
    assert largest_ratio(20) == 256.0


def test_a_constant_beside_a_fine_output_gives_way_and_the_fine_one_keeps_its_slope() -> None:
    # The bias of the second output takes 28 bits; the first one's few codes need a shift of 3.
    source, output = QuantParams("u8", 1.0, 0, 0, 1), QuantParams("s8", 1.0, 0, -128, 127)
    linear = Linear(np.array([[127.0], [1e-6]]), np.array([0.0, 100.0]))
    layer_ = quantize_linear("linear0", linear, source, output, per_channel=True)
    op = layer_.op
    assert int(np.maximum(-op.acc_low, op.acc_high).max()) << op.pre_shift <= SHIFTED_LIMIT
    slope = op.multiplier * 2.0 ** (op.pre_shift - 16.0 - op.shift)
    assert slope[0] == pytest.approx(1.0, rel=1e-4)
    assert (op.acc_high * slope)[1] == pytest.approx(100.0, abs=0.1)


def test_weights_that_lose_more_than_a_bit_are_told_by_layer_and_factor() -> None:
    source, output = QuantParams("u8", 1.0, 0, 0, 1), QuantParams("s8", 1.0, 0, -128, 127)
    weight = np.zeros((2, 2))
    weight[0, 0], weight[1, 1] = 500.0, 1e-6
    linear = Linear(weight, np.array([0.0, 120.0]))
    told = quantize_linear("linear0 (fc1)", linear, source, output, per_channel=True).warnings
    assert len(told) == 1
    assert "linear0 (fc1): weights of 1 of 2 outputs are stored up to" in told[0]


def test_the_wide_and_the_fine_output_are_judged_each_by_itself() -> None:
    ratio, largest = np.array([8.0, 1e-6]), np.array([1000, 2**29])
    products = np.array([10, 10])
    assert choose_pre_shift(ratio[:1], largest[:1], products[:1]) == 6
    shift = choose_pre_shift(ratio, largest, products)
    assert 1 <= shift <= 6


@pytest.mark.parametrize("limits", [(-1e-300, 1e-300), (0.0, 1e-300), (-1e-40, 1e-40)])
def test_a_clamp_to_almost_nothing_is_exported_or_refused_in_one_line(
    limits: tuple[float, float],
) -> None:
    from pyexport.errors import PyexportError

    rows = np.floor(np.random.default_rng(0).random((20, 8)) * 17)
    model: Any = chain(8, [layer(8, 6), Clamp(*limits), layer(6, 3)], calibration=rows)
    try:
        exported = export(model)
    except PyexportError as error:
        assert "\n" not in str(error)
        assert "model.pt: linear1 (net.2): " in str(error)
    else:
        op = exported.artifact.graph.nodes[0].op
        assert isinstance(op, QuantizedLinear)
