"""Errors by layer, against figures that were worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyexport.simulator.fast import FastSimulator
from pyexport.verify.layer_errors import layer_errors
from tests.stream.models import exported
from tests.verify.blobs import pair


def test_errors_are_those_of_both_models_tensors() -> None:
    two, _ = pair()
    samples = two.artifact.samples
    assert samples is not None
    rows = samples.inputs
    hidden, out = layer_errors(two.graph, two.artifact.graph, rows)
    (values,) = FastSimulator(two.artifact.graph).tensors(rows)
    exported_out = two.artifact.graph.output.quant
    assert exported_out is not None
    given = exported_out.dequantize(values[two.artifact.graph.output.name])
    off = given - two.float_outputs(two.real(rows))
    assert out.whole.max == pytest.approx(np.abs(off).max())
    assert out.whole.mean == pytest.approx(np.abs(off).mean())
    signal = np.square(two.float_outputs(two.real(rows))).sum()
    assert out.whole.sqnr == pytest.approx(10 * math.log10(signal / np.square(off).sum()))
    assert hidden.own == hidden.whole  # the first layer reads the same input in both models


def test_own_error_is_the_layer_on_the_exports_values() -> None:
    two, _ = pair()
    samples = two.artifact.samples
    assert samples is not None
    _, out = layer_errors(two.graph, two.artifact.graph, samples.inputs)
    (values,) = FastSimulator(two.artifact.graph).tensors(samples.inputs)
    first, last = two.artifact.graph.nodes
    quants = [two.artifact.graph.tensor(n.outputs[0]).quant for n in (first, last)]
    assert quants[0] is not None and quants[1] is not None
    real = quants[0].dequantize(values[first.outputs[0]])
    op = two.graph.nodes[1].op
    wanted = real @ op.weight.T + op.bias  # type: ignore[attr-defined]
    off = np.abs(quants[1].dequantize(values[last.outputs[0]]) - wanted)
    assert out.own is not None
    assert out.own.max == pytest.approx(off.max())
    half = quants[1].scale / 2.0
    low, high = quants[1].dequantize([quants[1].low, quants[1].high])
    clipped = ((wanted < low - half) | (wanted > high + half)).mean()
    assert out.clipped == pytest.approx(clipped)


def test_clipping_is_seen_where_inputs_leave_the_calibrated_range() -> None:
    two, _ = pair()
    corners = np.array([[100, 100, 100, 100], [0, 0, 0, 0], [100, 0, 0, 100]], np.uint8)
    found = layer_errors(two.graph, two.artifact.graph, corners)
    assert any(error.clipped for error in found)


def test_a_step_of_a_stream_has_no_layers_to_put_beside_it() -> None:
    artifact = exported("gru").artifact
    assert layer_errors(artifact.graph, artifact.graph, artifact.vectors.inputs) == ()
