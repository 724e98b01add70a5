"""Single precision in plain Python equals NumPy's, and the exponential stays within its bound."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.codegen import render
from pyexport.codegen.text import c_float
from pyexport.simulator import float32
from pyexport.simulator.arrays import single

SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(SINGLES, SINGLES)
@settings(max_examples=300)
def test_add_multiply_and_divide_are_numpys(a: float, b: float) -> None:
    with np.errstate(all="ignore"):
        x, y = np.float32(a), np.float32(b)
        assert float32.add(a, b) == x + y
        assert float32.multiply(a, b) == x * y
        if b != 0.0:
            assert float32.divide(a, b) == x / y


def test_overflow_is_infinity_with_its_sign() -> None:
    assert float32.to_float32(1e39) == math.inf
    assert float32.to_float32(-1e39) == -math.inf


def test_the_exponential_is_within_three_units_in_the_last_place() -> None:
    inputs = -np.concatenate([np.linspace(0, 87, 4001), np.geomspace(1e-8, 87, 2000)])
    for x in inputs.astype(np.float32).tolist():
        true = math.exp(x)
        unit = float(np.spacing(np.float32(true)))
        assert abs(float32.exp_nonpositive(x) - true) <= 3 * unit


def test_the_exponential_of_zero_is_one_and_far_below_it_is_zero() -> None:
    assert float32.exp_nonpositive(0.0) == 1.0
    assert float32.exp_nonpositive(-87.0) > 0.0
    assert float32.exp_nonpositive(-87.00001) == 0.0
    assert float32.exp_nonpositive(-math.inf) == 0.0


@given(st.floats(max_value=0.0, width=32, allow_nan=False))
@settings(max_examples=300)
def test_the_numpy_exponential_has_the_same_bits(x: float) -> None:
    with np.errstate(all="ignore"):
        assert float(single.exp_nonpositive(np.array([x], np.float32))[0]) == (
            float32.exp_nonpositive(x)
        )


def test_the_header_prints_the_constants_of_the_definition() -> None:
    printed = [render._EXP[k] for k in ("underflow", "log2_e", "ln2_high", "ln2_low", "first")]
    defined = [
        float32.EXP_UNDERFLOW, float32.LOG2_E, float32.LN2_HIGH, float32.LN2_LOW,
        *float32.EXP_COEFFICIENTS,
    ]  # fmt: skip
    assert [*printed, *render._EXP["rest"]] == [c_float(v) for v in defined]
