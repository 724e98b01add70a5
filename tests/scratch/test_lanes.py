"""Vectors inside integers: packing, arithmetic in lanes, and the edges of a lane."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyexport.errors import InvalidModelError
from pyexport.scratch.backends.lanes import EXACT, WIDTHS, Lanes, rounded


@st.composite
def vectors(draw: st.DrawFn, share: int = 1) -> tuple[Lanes, list[int], list[int]]:
    """Return lanes and two vectors whose numbers reach 1 / share of a lane's range."""
    lanes = Lanes(draw(st.integers(1, 9)), draw(st.sampled_from(WIDTHS)))
    limit = (1 << (lanes.bits - 1)) // share
    numbers = st.lists(
        st.integers(-limit, limit - 1) | st.sampled_from([-limit, -1, 0, limit - 1]),
        min_size=lanes.count,
        max_size=lanes.count,
    )
    return lanes, draw(numbers), draw(numbers)


@given(vectors())
def test_numbers_come_back_from_their_lanes(case: tuple[Lanes, list[int], list[int]]) -> None:
    lanes, numbers, _ = case
    packed = lanes.pack(numbers)
    assert packed == sum(number << (lanes.bits * k) for k, number in enumerate(numbers))
    assert lanes.numbers(packed) == numbers


@given(vectors(), st.sampled_from([1.0, 2.0**-30, 2.0**-62]))
def test_floats_are_exact_or_rounded_down_to_52_bits(
    case: tuple[Lanes, list[int], list[int]], unit: float
) -> None:
    lanes, numbers, _ = case
    dropped = 12 if lanes.width == 8 else 0
    wanted = [float(n >> dropped << dropped) * unit for n in numbers]
    assert lanes.floats(lanes.pack(numbers), unit) == wanted


@st.composite
def scaled_vectors(draw: st.DrawFn) -> tuple[Lanes, list[float], float]:
    """Return lanes, floats, and a power of two times which the floats have room."""
    lanes = Lanes(draw(st.integers(1, 9)), draw(st.sampled_from(WIDTHS)))
    limit = min(1 << (lanes.bits - 1), EXACT) - 1
    scale = 2.0 ** draw(st.integers(-20, 40))
    halves = st.integers(-2 * limit, 2 * limit).map(lambda k: k / 2)
    numbers = st.lists(
        st.floats(-limit, limit) | halves | st.sampled_from([-limit, -0.5, 0.0, 0.5, limit]),
        min_size=lanes.count,
        max_size=lanes.count,
    )
    return lanes, [number / scale for number in draw(numbers)], scale


@given(scaled_vectors())
def test_floats_are_rounded_into_lanes_as_integers_are(
    case: tuple[Lanes, list[float], float],
) -> None:
    lanes, values, scale = case
    wanted = [round(Fraction(value) * Fraction(scale)) for value in values]  # halves to even
    assert rounded(values, scale) == wanted
    assert lanes.numbers(lanes.pack_rounded(values, scale)) == wanted


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_rounded(value: float) -> None:
    with pytest.raises(InvalidModelError, match="lower the learning rate"):
        rounded([1.0, value], 2.0)


@given(st.floats(min_value=2.0**51, max_value=1e300), st.sampled_from([1, -1]))
def test_what_is_too_large_to_round_stays_too_large(value: float, sign: int) -> None:
    (number,) = rounded([sign * value], 1.0)
    assert abs(number) >= EXACT


@given(vectors(share=2))
def test_a_sum_of_integers_is_the_sum_of_vectors(case: tuple[Lanes, list[int], list[int]]) -> None:
    lanes, a, b = case
    total = lanes.pack(a) + lanes.pack(b)
    assert lanes.numbers(total) == [x + y for x, y in zip(a, b, strict=True)]
    difference = lanes.pack(a) - lanes.pack(b)
    assert lanes.numbers(difference) == [x - y for x, y in zip(a, b, strict=True)]


@given(vectors(share=8), st.integers(-8, 7))
def test_a_multiple_of_an_integer_is_the_multiple_of_the_vector(
    case: tuple[Lanes, list[int], list[int]], factor: int
) -> None:
    lanes, a, _ = case
    if min(a) * factor < 1 << (lanes.bits - 1):  # -limit * -8 alone leaves the lane
        assert lanes.numbers(factor * lanes.pack(a)) == [factor * x for x in a]


@given(st.integers(1, 5), st.sampled_from(WIDTHS), st.data())
def test_a_number_without_room_is_refused(count: int, width: int, data: st.DataObject) -> None:
    lanes = Lanes(count, width)
    limit = 1 << (lanes.bits - 1)
    numbers = [0] * count
    numbers[data.draw(st.integers(0, count - 1))] = data.draw(st.sampled_from([limit, -limit - 1]))
    with pytest.raises(InvalidModelError, match="does not fit"):
        lanes.pack(numbers)


def test_a_vector_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(InvalidModelError, match="does not fit 3 lanes of 48 bits"):
        Lanes(3, 6).pack([1, 2])


def test_an_overflowing_lane_would_corrupt_its_neighbor() -> None:
    lanes = Lanes(2, 5)
    packed = lanes.pack([(1 << 39) - 1, 0]) + lanes.pack([1, 0])
    assert lanes.numbers(packed) == [-(1 << 39), 1]  # why the engine must prove that none does
