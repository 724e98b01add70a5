"""Intervals hold every value that an operator takes on inputs inside its input intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.ir import (
    FLOAT_OPERATORS,
    Activation,
    Add,
    Affine,
    Argmax,
    AveragePool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Encode,
    Gru,
    Identity,
    LayerNorm,
    Lif,
    Linear,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Permute,
    PRelu,
    Readout,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Sub,
    Upsample2d,
)
from pyexport.operators.activation import FUNCTIONS
from pyexport.operators.spiking import READOUTS
from pyexport.quantize.intervals.curves import TURNS
from pyexport.quantize.intervals.interval import Interval
from pyexport.quantize.intervals.rules import INTERVAL_RULES
from pyexport.reference.activation import slope
from pyexport.reference.registry import RULES

RANDOM = np.random.default_rng(11)


def normal(*shape: int) -> Any:
    return RANDOM.normal(size=shape)


CASES: list[tuple[Op, list[tuple[int, ...]]]] = [
    (Linear(normal(4, 6), normal(4), -1.0, 2.0), [(2, 3)]),
    (MatMul(), [(2, 3), (3, 4)]),
    (Conv2d(normal(4, 3, 2, 1), normal(4), (2, 1), (1, 0, 2, 1), (1, 2), 2), [(5, 6, 2)]),
    (ConvTranspose2d(normal(4, 3, 2, 1), normal(4), (2, 1), groups=2), [(3, 4, 2)]),
    (MaxPool2d((2, 3), (2, 2), (1, 1, 0, 0), ceil=True), [(5, 6, 2)]),
    (AveragePool2d((2, 3), (2, 2), (1, 1, 0, 0), include_pad=False), [(5, 6, 2)]),
    (Upsample2d((2, 3)), [(2, 2, 2)]),
    (Add(-1.0, 1.0), [(2, 3), (1, 3)]),
    (Sub(), [(2, 3), (2, 1)]),
    (Mul(-0.5, 3.0), [(2, 3), (3,)]),
    (Constant(normal(2, 3)), []),
    (Affine(normal(3), normal(3)), [(2, 3)]),
    (Clamp(-0.3, 0.6), [(5,)]),
    (PRelu(np.array([-0.5, 0.2, 1.5])), [(2, 3)]),
    (Reshape((3, 2)), [(2, 3)]),
    (Identity("dropout"), [(4,)]),
    (Permute((1, 0)), [(2, 3)]),
    (Concat(0), [(2, 3), (1, 3)]),
    (Pad(((1, 0), (0, 2)), 0.7), [(2, 3)]),
    (Slice((1, 0), (1, 2), (1, 2)), [(2, 3)]),
    (Reduce("mean", (0,)), [(4, 3)]),
    (Reduce("sum", (0, 1), True), [(4, 3)]),
    (Reduce("max", (1,)), [(4, 3)]),
    (Argmax(1), [(2, 3)]),
    (Softmax(), [(6,)]),
    (LogSoftmax(0), [(4, 2)]),
    (LayerNorm(normal(2, 3), normal(2, 3), 1e-5), [(4, 2, 3)]),
    (Lstm(normal(12, 2), normal(12, 3), normal(12)), [(7, 2), (3,), (3,)]),
    (Lstm(9 * normal(12, 2), 9 * normal(12, 3), 9 * normal(12)), [(7, 2), (3,), (3,)]),
    (Gru(normal(9, 2), normal(9, 3), normal(9), normal(9)), [(7, 2), (3,)]),
]
KEPT, ABOVE = np.array([0.9, 0.0, 1.0]), np.array([1.0, 0.3, 2.5])
CASES += [
    (Lif(KEPT, ABOVE, reset=reset, reset_delay=delay, v_reset=v), [(7, 3), (3,)])
    for reset, delay, v in [
        ("subtract", True, 0.0), ("zero", True, 0.0), ("none", True, 0.0), ("carry", False, 0.0),
        ("subtract", False, 0.0), ("zero", False, -0.4), ("none", False, 0.0),
    ]
]  # fmt: skip
CASES += [
    (Lif(KEPT, ABOVE, KEPT[::-1], "zero", False, "ge", 0.1, 2), [(7, 3), (3,), (3,), (3,)]),
    (Lif(KEPT, ABOVE, KEPT[::-1], "zero"), [(7, 3), (3,), (3,)]),
    (Encode("direct", 4), [(3,)]),
    (Encode("rate", 4, -1.0, 2.0), [(3,)]),
    (Encode("latency", 4), [(3,)]),
    (Encode("delta", 4, threshold=0.5), [(4, 3), (3,)]),
    *((Readout(method), [(4, 3), (4, 3)]) for method in READOUTS),
]
for name, parameters in FUNCTIONS.items():
    CASES.append((Activation(name, (1.3,) * len(parameters)), [(40,)]))
    if parameters and name != "softplus":
        CASES.append((Activation(name, (-0.4, 1.2)[: len(parameters)]), [(40,)]))


def test_every_operator_and_function_has_a_case() -> None:
    assert {type(op) for op, _ in CASES} == set(FLOAT_OPERATORS) == set(INTERVAL_RULES)


@pytest.mark.parametrize(
    ("op", "shapes"), CASES, ids=[getattr(op, "function", op.kind) for op, _ in CASES]
)
@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 1.0, 6.0]))
def test_no_value_leaves_its_interval(op: Op, shapes: Any, seed: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    middles = [2 * spread * random.normal(size=shape) for shape in shapes]
    intervals = [
        Interval(m - spread * random.random(m.shape), m + spread * random.random(m.shape))
        for m in middles
    ]
    rows = [
        i.low + random.choice([0.0, 0.3, 0.9, 1.0], size=(200, *i.low.shape)) * (i.high - i.low)
        for i in intervals
    ]
    values = RULES[type(op)].forward(op, rows, True)
    bounds = INTERVAL_RULES[type(op)](op, intervals)
    bounds = bounds if isinstance(bounds, tuple) else (bounds,)
    assert len(bounds) == len(values)
    for bound, value in zip(bounds, values, strict=True):
        slack = 1e-13 * np.maximum(np.abs(value).max(), 1.0)  # of the rounding of sums
        assert bound.low.shape == value.shape[1:]
        assert (value >= bound.low - slack).all()
        assert (value <= bound.high + slack).all()


@pytest.mark.parametrize("name", sorted(set(TURNS) - {"leaky_relu", "elu", "celu", "abs"}))
def test_a_curve_turns_only_where_the_table_says(name: str) -> None:
    turn = TURNS[name]
    op = Activation(name)
    assert abs(float(slope(op, np.array([turn]))[0])) < 1e-12
    assert (slope(op, np.linspace(-30.0, turn - 1e-6, 5000)) <= 0.0).all()
    assert (slope(op, np.linspace(turn + 1e-6, 30.0, 5000)) >= 0.0).all()


def test_the_state_of_an_lstm_is_bounded_for_any_number_of_steps() -> None:
    op = Lstm(normal(12, 2) / 5, normal(12, 3) / 5, normal(12) / 5)
    widths = []
    for steps in (100, 10_000):
        x = Interval(np.full((steps, 2), -1.0), np.full((steps, 2), 1.0))
        zero = Interval(np.zeros(3), np.zeros(3))
        bounds = INTERVAL_RULES[Lstm](op, [x, zero, zero])
        assert isinstance(bounds, tuple)
        widths.append(bounds[2].high)
    assert np.allclose(widths[0], widths[1])
