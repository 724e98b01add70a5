"""Inputs with a wanted weighted sum: found where there are some, refused where there are none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyexport.verify import sums
from pyexport.verify.sums import decide_sum, solve_sums


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 3)), min_size=4, max_size=4),
    st.integers(-70, 70),
)
def test_the_exact_solver_agrees_with_trying_every_input(
    weights: list[int], spans: list[tuple[int, int]], wanted: int
) -> None:
    low = np.array([a for a, _ in spans[: len(weights)]])
    high = low + np.array([b for _, b in spans[: len(weights)]])
    weight = np.array(weights)
    found = decide_sum(weight, wanted, low, high)
    every = itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))
    assert (found is not None) == any(int(np.dot(weight, x)) == wanted for x in every)
    if found is not None:
        assert int(weight @ found) == wanted
        assert (found >= low).all() and (found <= high).all()


def test_many_sums_are_solved_at_once_with_legal_inputs() -> None:
    random = np.random.default_rng(0)
    weight = np.tile(random.integers(-127, 128, 64), (200, 1))
    low, high = np.zeros(64, np.int64), np.full(64, 16)
    ends = np.where(weight[0] > 0, weight[0] * 16, 0).sum()
    starts = np.where(weight[0] < 0, weight[0] * 16, 0).sum()
    wanted = np.linspace(starts, ends, 200).astype(np.int64)
    rows, hit = solve_sums(weight, wanted, low, high)
    assert hit.all()
    np.testing.assert_array_equal((weight * rows).sum(axis=1), wanted)
    assert rows.min() >= 0 and rows.max() <= 16


def test_an_odd_sum_of_even_weights_is_refused() -> None:
    weight, low, high = np.array([2, 4, -6]), np.zeros(3, np.int64), np.full(3, 255)
    assert decide_sum(weight, 7, low, high) is None
    assert decide_sum(weight, -1530, low, high) is not None


def test_what_is_too_large_to_decide_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "MOST_BITS", 100)
    with pytest.raises(OverflowError):
        decide_sum(np.array([50, 51]), 1, np.zeros(2, np.int64), np.full(2, 255))
