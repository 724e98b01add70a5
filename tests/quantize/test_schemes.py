"""How a tensor's real range becomes a type, a scale, a zero point and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyexport.ir import Dataset, QuantParams
from pyexport.quantize.schemes import (
    clamped_params,
    input_params,
    range_params,
    taken_as_whole,
)

WHOLE = Dataset(np.array([[5.0, 6.0], [9.0, 10.0]]))
BROKEN = Dataset(np.array([[5.0, 6.5], [9.0, 10.0]]))


@pytest.mark.parametrize(
    ("declared", "samples", "wanted"),
    [
        ((0.0, 16.0), WHOLE, ("u8", 0, 16)),
        ((0.0, 16.0), None, ("u8", 0, 16)),  # a span of 16 counts as whole steps
        ((0.0, 1.0), WHOLE, ("u8", 0, 1)),  # binary inputs
        ((5.0, 10.0), WHOLE, ("u8", 5, 10)),
        ((0.0, 255.0), None, ("u8", 0, 255)),
        ((-128.0, 127.0), None, ("s8", -128, 127)),
        ((-7.0, -3.0), WHOLE, ("s8", -7, -3)),
    ],
)
def test_an_integral_range_is_not_rescaled(
    declared: tuple[float, float], samples: Dataset | None, wanted: tuple[str, int, int]
) -> None:
    params = input_params(declared, samples)
    assert (params.dtype, params.low, params.high) == wanted
    assert (params.scale, params.zero_point) == (1.0, 0)


@pytest.mark.parametrize(
    ("declared", "samples"),
    [
        ((0.0, 16.0), BROKEN),  # the data hold halves
        ((0.0, 1.0), None),  # without data 0..1 is taken as continuous
        ((-1.0, 1.0), None),
        ((0.0, 256.0), WHOLE),  # no byte holds 256
        ((-100.0, 200.0), WHOLE),
        ((0.5, 16.0), WHOLE),
    ],
)
def test_any_other_range_uses_all_codes(
    declared: tuple[float, float], samples: Dataset | None
) -> None:
    params = input_params(declared, samples)
    assert params.high - params.low == 255
    assert params.scale != 1.0


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_every_real_of_the_range_is_within_half_a_step_of_a_byte(low: float, span: float) -> None:
    params = range_params(low, low + span)
    reals = np.linspace(min(low, 0.0), max(low + span, 0.0), 101)
    back = params.dequantize(params.quantize(reals))
    assert np.abs(back - reals).max() <= params.scale * (0.5 + 1e-9)


@given(st.floats(-1e6, 1e6), st.floats(0.0, 1e6))
def test_zero_is_always_a_byte(low: float, span: float) -> None:
    params = range_params(low, low + span)
    assert float(params.dequantize(params.quantize(0.0))) == 0.0
    assert params.low <= params.zero_point <= params.high


@pytest.mark.parametrize("value", [0.0, 5e-324, -5e-324, 1e-310])
def test_a_range_without_width_gets_scale_one(value: float) -> None:
    assert range_params(value, value).scale == 1.0


def test_a_clamp_moves_only_the_limits() -> None:
    params = clamped_params(range_params(-2.0, 2.0), -1.0, 1.0)
    plain = range_params(-2.0, 2.0)
    assert (params.scale, params.zero_point) == (plain.scale, plain.zero_point)
    assert params.dequantize([params.low, params.high]) == pytest.approx([-1, 1], abs=plain.scale)
    assert clamped_params(plain, -math.inf, math.inf) == plain


def test_a_signed_tensor_that_showed_no_negative_value_stays_signed() -> None:
    params = range_params(0.5, 30.0, signed=True)
    assert (params.dtype, params.zero_point, params.low, params.high) == ("s8", -128, -128, 127)
    assert params.dequantize(127) == pytest.approx(30.0)


def test_all_known_rows_must_be_whole_for_an_input_that_is_not_rescaled() -> None:
    black = Dataset(np.zeros((1, 2)))
    assert input_params((0.0, 1.0), black, None).high == 1
    grey = Dataset(np.array([[0.0, 0.5]]))
    for data in ((black, grey), (grey, black), (None, grey)):
        assert input_params((0.0, 1.0), *data).high == 255


@pytest.mark.parametrize(
    ("low", "high", "from_data", "thin"),
    [(0, 16, True, False), (0, 16, False, True), (0, 15, True, True), (0, 1, True, True)],
)
def test_whole_numbers_of_few_codes_or_without_data_are_an_assumption(
    low: int, high: int, from_data: bool, thin: bool
) -> None:
    assert taken_as_whole(QuantParams("u8", 1.0, 0, low, high), from_data=from_data) == thin
    assert not taken_as_whole(QuantParams("u8", 0.5, 0, low, high), from_data=from_data)
