"""Networks at the edges: no weights, dead neurons, constant data, huge and tiny numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pyexport.ir import Clamp, Linear, Model, Op
from tests.networks import chain, layer

RELU = Clamp(0.0, math.inf)


def with_rows(ops: list[Op], n_in: int = 8, high: float = 16.0, rows: Any = None) -> Model:
    if rows is None:
        rows = np.floor(np.random.default_rng(0).random((60, n_in)) * (high + 1)).clip(0, high)
    return chain(n_in, ops, input_range=(0.0, high), calibration=rows)


def edited(op: Linear, edit: Callable[[Any, Any], None]) -> Linear:
    weight, bias = op.weight.astype(np.float64), op.bias.astype(np.float64)
    edit(weight, bias)
    return Linear(weight, bias)


def zero_channels(weight: Any, bias: Any) -> None:
    weight[::2] = 0.0


def dead(value: float, bias_value: float) -> Callable[[Any, Any], None]:
    def edit(weight: Any, bias: Any) -> None:
        weight[1] = value
        bias[1] = bias_value

    return edit


def spread(weight: Any, bias: Any) -> None:
    weight[0] *= 1e6


def widen(weight: Any, bias: Any) -> None:
    weight *= np.geomspace(1.0, 1e4, len(weight))[:, None]


def all_zero(weight: Any, bias: Any) -> None:
    weight[:] = 0.0
    bias[:] = 0.0


def large_bias(weight: Any, bias: Any) -> None:
    bias[:] = np.linspace(-1e7, 1e7, len(bias))


DEGENERATE: dict[str, Model] = {
    "all-zero channels": with_rows([edited(layer(8, 6, 1), zero_channels), RELU, layer(6, 3, 2)]),
    "all-zero layer": with_rows([edited(layer(8, 6, 1), all_zero), RELU, layer(6, 3, 2)]),
    "all-zero last layer": with_rows([layer(8, 6, 1), RELU, edited(layer(6, 3, 2), all_zero)]),
    "dead neuron 1e-30": with_rows([edited(layer(8, 6, 1), dead(1e-30, 0.0)), layer(6, 3, 2)]),
    "dead neuron with a bias": with_rows(
        [edited(layer(8, 6, 1), dead(1e-30, 0.1)), RELU, layer(6, 3, 2)]
    ),
    "denormal neuron": with_rows([edited(layer(8, 6, 1), dead(1e-45, 0.0)), layer(6, 3, 2)]),
    "denormal neuron with a bias": with_rows(
        [edited(layer(8, 6, 1), dead(1e-45, 0.1)), layer(6, 3, 2)]
    ),
    "only dead neurons": with_rows([Linear(np.full((3, 8), 1e-45), np.zeros(3)), layer(3, 2)]),
    "constant rows": with_rows([layer(8, 6, 1), RELU, layer(6, 3, 2)], rows=np.full((9, 8), 7.0)),
    "all-zero rows": with_rows([layer(8, 6, 1), RELU, layer(6, 3, 2)], rows=np.zeros((9, 8))),
    "one row": with_rows([layer(8, 6, 1), RELU, layer(6, 3, 2)], rows=[[0, 1, 2, 3, 4, 5, 6, 7]]),
    "weights of 1e30": with_rows([layer(8, 6, 1, 1e30), RELU, layer(6, 3, 2)]),
    "weights of 1e38": with_rows([layer(8, 6, 1, 1e38), RELU, layer(6, 3, 2, 1e38)]),
    "weights of 1e-30": with_rows([layer(8, 6, 1, 1e-30), RELU, layer(6, 3, 2, 1e-12)]),
    "large bias": with_rows([edited(layer(8, 6, 1), large_bias), layer(6, 3, 2)]),
    "one channel 1e6 times another": with_rows([edited(layer(8, 6, 1), spread), layer(6, 3, 2)]),
    "binary inputs": with_rows([layer(8, 6, 1), RELU, layer(6, 3, 2)], high=1.0),
    "one binary input": with_rows([layer(1, 3, 1)], 1, 1.0),
    "no calibration": chain(8, [layer(8, 6, 1), RELU, layer(6, 3, 2)], input_range=(0.0, 16.0)),
}
