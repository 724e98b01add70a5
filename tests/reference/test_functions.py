"""The elementary functions agree with the C library's to the last places."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyexport.reference import functions

RANDOM = np.random.default_rng(0)
WIDE = np.concatenate([RANDOM.uniform(-30, 30, 4000), RANDOM.normal(size=2000) * 1e-3, [0.0]])


@pytest.mark.parametrize(
    ("found", "exact", "values"),
    [
        (functions.exp, math.exp, np.concatenate([WIDE, RANDOM.uniform(-700, 700, 2000)])),
        (functions.expm1, math.expm1, WIDE),
        (functions.tanh, math.tanh, WIDE),
        (functions.erf, math.erf, WIDE / 4),
        (functions.log, math.log, np.exp(WIDE * 10)),
        (functions.log1p_of_0_to_1, math.log1p, RANDOM.uniform(0, 1, 4000) ** 8),
        (functions.sigmoid, lambda x: 1 / (1 + math.exp(-x)), WIDE),
    ],
)
def test_a_function_is_right_to_the_last_places(
    found: Callable[[Any], Any], exact: Callable[[float], float], values: Any
) -> None:
    expected = np.array([exact(float(x)) for x in values])
    error = np.abs(found(values) - expected)
    assert float((error / np.maximum(np.abs(expected), 1e-300)).max()) < 4e-15


def test_values_outside_double_precision_are_limits() -> None:
    far = np.array([-1e9, 1e9])
    assert functions.exp(far).tolist() == [0.0, math.inf]
    assert functions.sigmoid(far).tolist() == [0.0, 1.0]
    assert functions.tanh(far).tolist() == [-1.0, 1.0]
    assert functions.erf(far).tolist() == [-1.0, 1.0]


def test_zero_keeps_its_sign_where_the_function_does() -> None:
    assert math.copysign(1.0, float(functions.tanh(np.array([-0.0]))[0])) == -1.0
    assert functions.exp(np.array([-0.0]))[0] == 1.0
