"""Float evaluation: order of sums, gradients, and the tensors on the way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Affine, Clamp, Identity, Linear, QuantizedSoftmax, Reshape, Softmax
from pyexport.reference import evaluate, forward, value_and_gradient
from tests.networks import chain_graph, layer


def test_fixed_order_is_the_plain_sum_from_bias_to_last_input_bit_for_bit() -> None:
    op = layer(37, 5, seed=3)
    rows = np.random.default_rng(0).normal(size=(4, 37))
    outputs = forward(chain_graph(37, [op]), rows, fixed_order=True)
    for row, output in zip(rows, outputs, strict=True):
        for o in range(5):
            total = float(op.bias[o])
            for w, x in zip(op.weight[o], row, strict=True):
                total += float(w) * float(x)
            assert total.hex() == float(output[o]).hex()


@pytest.mark.parametrize(
    "ops",
    [
        [layer(6, 9, 1), Clamp(0.0, math.inf), layer(9, 4, 2), Softmax()],
        [Affine(np.linspace(0.5, 2, 6), np.linspace(-1, 1, 6)), layer(6, 3, 3), Clamp(-0.7, 0.9)],
        [Reshape((2, 3)), Identity("dropout"), Reshape((6,)), layer(6, 2, 4)],
        [Linear(layer(6, 5, 5).weight, layer(6, 5, 5).bias, 0.0, 1.0), layer(5, 1, 6)],
    ],
)
def test_gradient_is_the_central_difference(ops: list[Any]) -> None:
    graph = chain_graph(6, ops)
    random = np.random.default_rng(7)
    x = random.normal(size=(3, 6))
    values = forward(graph, x)
    direction = random.normal(size=values.shape)
    outputs, gradient = value_and_gradient(graph, x, direction)
    assert np.array_equal(outputs, values)
    step = 1e-6
    for i in range(6):
        moved = np.zeros((1, 6))
        moved[0, i] = step
        change = forward(graph, x + moved) - forward(graph, x - moved)
        slope = (change * direction).reshape(3, -1).sum(axis=1) / (2 * step)
        assert np.allclose(gradient[:, i], slope, atol=1e-7)


def test_a_clamped_value_passes_no_gradient() -> None:
    graph = chain_graph(1, [Linear(np.ones((1, 1)), np.zeros(1), 0.0, 1.0)])
    _, gradient = value_and_gradient(graph, np.array([[-1.0], [0.5], [2.0]]), np.ones((3, 1)))
    assert gradient.ravel().tolist() == [0.0, 1.0, 0.0]


def test_evaluate_returns_every_tensor() -> None:
    graph = chain_graph(4, [layer(4, 3), Clamp(0.0, math.inf)])
    values = evaluate(graph, np.ones((2, 4)))
    assert {name: v.shape for name, v in values.items()} == {
        "x": (2, 4),
        "t0": (2, 3),
        "t1": (2, 3),
    }
    assert np.array_equal(values["t1"], np.maximum(values["t0"], 0.0))


def test_softmax_sums_to_one_and_survives_large_inputs() -> None:
    probabilities = forward(chain_graph(3, [Softmax()]), np.array([[1000.0, 999.0, -1000.0]]))
    assert probabilities.sum() == pytest.approx(1.0)
    assert probabilities[0, 0] == pytest.approx(1 / (1 + math.exp(-1)))


def test_an_integer_operator_is_refused_by_name() -> None:
    graph = chain_graph(3, [QuantizedSoftmax(np.zeros(256, np.uint16))])
    with pytest.raises(UnsupportedOperatorError, match=r"n0.*quantized_softmax"):
        forward(graph, np.ones((1, 3)))
