"""Vectors inside integers: packing, arithmetic in lanes, and the edges of a lane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyexport.errors import InvalidModelError
from pyexport.scratch.backends.lanes import Lanes

WIDTHS = st.integers(1, 8)


@st.composite
def vectors(draw: st.DrawFn, share: int = 1) -> tuple[Lanes, list[int], list[int]]:
    """Return lanes and two vectors whose numbers reach 1 / share of a lane's range."""
    lanes = Lanes(draw(st.integers(1, 9)), draw(WIDTHS))
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
    assert [word * lanes.scale for word in lanes.words(packed)] == [float(n) for n in numbers]


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


@given(st.integers(1, 5), WIDTHS, st.data())
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
