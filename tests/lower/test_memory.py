"""The memory plan: no overlap in time and place, and never below what any plan needs."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.lower.memory import Lifetime, Plan, plan_arena


@st.composite
def lifetimes(draw: st.DrawFn, most: int, largest: int = 200) -> list[Lifetime]:
    items = []
    for i in range(draw(st.integers(0, most))):
        first = draw(st.integers(0, 8))
        last = first + draw(st.integers(0, 4))
        items.append(Lifetime(f"t{i}", draw(st.integers(1, largest)), first, last))
    return items


def assert_valid(items: list[Lifetime], plan: Plan, alignment: int) -> None:
    assert set(plan.offsets) == {t.name for t in items}
    for item in items:
        assert plan.offsets[item.name] % alignment == 0
        assert 0 <= plan.offsets[item.name] <= plan.size - item.bytes
    for a, b in itertools.combinations(items, 2):
        if a.overlaps(b):
            start_a, start_b = plan.offsets[a.name], plan.offsets[b.name]
            assert start_a + a.bytes <= start_b or start_b + b.bytes <= start_a


@given(lifetimes(12), st.sampled_from([1, 2, 4]))
@settings(max_examples=200)
def test_living_tensors_never_overlap(items: list[Lifetime], alignment: int) -> None:
    plan = plan_arena(items, alignment)
    assert_valid(items, plan, alignment)
    assert plan.size >= plan.lower_bound


def smallest_arena(items: list[Lifetime]) -> int:
    """Return the size of the best plan: first fit in every order holds an optimal one."""
    best = sum(t.bytes for t in items)
    for order in itertools.permutations(items):
        placed: list[tuple[int, Lifetime]] = []
        for item in order:
            offset = 0
            for start, other in sorted(placed, key=lambda p: p[0]):
                if item.overlaps(other) and offset + item.bytes > start:
                    offset = max(offset, start + other.bytes)
            placed.append((offset, item))
        best = min(best, max((o + t.bytes for o, t in placed), default=0))
    return best


@given(lifetimes(5, largest=9))
@settings(max_examples=80)
def test_the_plan_is_between_the_best_one_and_the_sum(items: list[Lifetime]) -> None:
    plan = plan_arena(items)
    best = smallest_arena(items)
    assert plan.lower_bound <= best <= plan.size <= sum(t.bytes for t in items)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=10))
def test_a_chain_of_layers_needs_no_more_than_its_largest_pair(sizes: list[int]) -> None:
    items = [Lifetime(f"t{i}", n, i, i + 1) for i, n in enumerate(sizes)]
    plan = plan_arena(items)
    assert plan.size == plan.lower_bound


def test_nothing_needs_nothing() -> None:
    assert plan_arena([]) == Plan({}, 0, 0)
