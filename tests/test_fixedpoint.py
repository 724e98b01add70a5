"""The integer primitives against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyexport.fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    MAX_SHIFT,
    clamp,
    encode_multiplier,
    normalized_shift,
    requantize_q15x,
    round_shift_right,
)

EDGES = st.sampled_from(
    [INT32_MIN, INT32_MIN + 1, -65537, -65536, -65535, -1, 0, 1, 65535, 65536, INT32_MAX]
)
INT32 = st.integers(INT32_MIN, INT32_MAX) | EDGES
MULTIPLIERS = st.integers(0, 2**15 - 1) | st.sampled_from([0, 1, 2**14, 2**15 - 1])
SHIFTS = st.integers(1, MAX_SHIFT)


def exact_half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


@given(INT32, MULTIPLIERS, SHIFTS)
@example(INT32_MIN, 2**15 - 1, 1)
@example(INT32_MAX, 2**15 - 1, MAX_SHIFT)
def test_requantize_is_the_exact_product_rounded_once(
    acc: int, multiplier: int, shift: int
) -> None:
    wanted = exact_half_up(Fraction(acc * multiplier, 2 ** (16 + shift)))
    assert requantize_q15x(acc, multiplier, shift) == wanted


@given(st.integers(-(2**16), 2**16), MULTIPLIERS, SHIFTS, st.integers(0, 14))
def test_pre_shift_multiplies_the_accumulator(acc: int, m: int, shift: int, pre: int) -> None:
    wanted = exact_half_up(Fraction(acc * 2**pre * m, 2 ** (16 + shift)))
    assert requantize_q15x(acc, m, shift, pre) == wanted


@given(INT32, MULTIPLIERS, SHIFTS)
def test_no_intermediate_leaves_int32(acc: int, multiplier: int, shift: int) -> None:
    high, low = acc >> 16, acc & 0xFFFF
    product = high * multiplier + ((low * multiplier) >> 16)
    for value in (high * multiplier, product, product + (1 << (shift - 1))):
        assert INT32_MIN <= value <= INT32_MAX
    assert low * multiplier < 2**32


@pytest.mark.parametrize(("acc", "wanted"), [(4, 1), (-4, 0), (12, 2), (-12, -1), (3, 0), (-5, -1)])
def test_exact_ties_go_towards_plus_infinity(acc: int, wanted: int) -> None:
    assert requantize_q15x(acc, 2**14, 1) == wanted  # acc / 8


@given(st.integers(), st.integers(0, 40))
def test_round_shift_right_is_a_division_with_halves_up(value: int, shift: int) -> None:
    assert round_shift_right(value, shift) == exact_half_up(Fraction(value, 2**shift))


@given(st.floats(1e-7, 0.2499))
def test_a_normalized_multiplier_uses_all_15_bits(ratio: float) -> None:
    shift = normalized_shift(ratio)
    multiplier = encode_multiplier(ratio, shift)
    assert multiplier < 2**15
    assert multiplier >= 2**14 or shift == MAX_SHIFT
    assert abs(Fraction(multiplier, 2 ** (16 + shift)) - Fraction(ratio)) <= Fraction(
        1, 2 ** (17 + shift)
    )


def test_a_multiplier_that_rounds_up_to_16_bits_takes_a_smaller_shift() -> None:
    ratio = (2**15 - 0.25) / 2**20  # rounds to 2**15 at shift 4
    assert encode_multiplier(ratio, 4) == 2**15
    assert normalized_shift(ratio) == 3
    assert encode_multiplier(ratio, 3) == 2**14


@pytest.mark.parametrize("ratio", [0.25, 1.0, 1e30])
def test_a_ratio_of_a_quarter_or_more_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="left shift"):
        normalized_shift(ratio)


def test_the_smallest_ratios_get_the_largest_shift() -> None:
    assert normalized_shift(1e-30) == MAX_SHIFT
    assert encode_multiplier(0.0, normalized_shift(0.0)) == 0


def test_clamp_returns_the_nearest_legal_value() -> None:
    assert [clamp(v, -2, 3) for v in (-9, -2, 0, 3, 9)] == [-2, -2, 0, 3, 3]
