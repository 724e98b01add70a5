"""Whole memory plans: valid on a machine of labelled bytes, and at the bound."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from pyexport.lower.memory import (
    ARENA,
    Item,
    MemoryPlan,
    MemoryProblem,
    Place,
    Task,
    View,
    plan_memory,
)
from scripts.memory_plans.branching import branching
from scripts.memory_plans.machine import run_plan


def problem(items: dict[str, int], *tasks: Task, **homes: str) -> MemoryProblem:
    return MemoryProblem(
        tuple(Item(n, size, home=homes.get(n, ARENA)) for n, size in items.items()), tasks
    )


@pytest.mark.parametrize("seed", range(120))
def test_a_branching_network_is_within_a_twentieth_of_the_bound(seed: int) -> None:
    asked = branching(seed)
    plan = plan_memory(asked)
    run_plan(asked, plan)
    assert plan.lower_bound <= plan.size <= 1.05 * plan.lower_bound


def test_the_same_problem_has_the_same_plan() -> None:
    assert plan_memory(branching(35)) == plan_memory(branching(35))


@pytest.mark.parametrize("seed", [0, 7, 26, 44])
def test_the_machine_finds_a_byte_that_lies_wrong(seed: int) -> None:
    asked = branching(seed)
    plan = plan_memory(asked)
    caught = 0
    moved = [n for n, place in plan.places.items() if place.home == ARENA]
    for name in moved:
        for offset in (0, plan.size - asked.by_name[name].bytes):
            places = {**plan.places, name: Place(ARENA, offset)}
            try:
                run_plan(asked, replace(plan, places=places))
            except AssertionError:
                caught += 1
    assert caught > len(moved) / 2


TINY = {
    "diamond": problem(
        {"x": 2, "a": 3, "b": 2, "c": 2, "y": 1},
        Task("n0", ("x",), ("a",)),
        Task("n1", ("a",), ("b",)),
        Task("n2", ("a",), ("c",)),
        Task("n3", ("b", "c"), ("y",)),
        x="input",
        y="output",
    ),
    "residual": problem(
        {"x": 1, "a": 3, "b": 1, "c": 3, "d": 3, "y": 1},
        Task("n0", ("x",), ("a",)),
        Task("n1", ("a",), ("b",)),
        Task("n2", ("b",), ("c",)),
        Task("n3", ("c", "a"), ("d",), in_place=("c", "a")),
        Task("n4", ("d",), ("y",)),
        x="input",
        y="output",
    ),
    "concat": problem(
        {"x": 1, "a": 2, "b": 1, "c": 3, "y": 1},
        Task("n0", ("x",), ("a",)),
        Task("n1", ("x",), ("b",)),
        Task("n2", ("a", "b"), ("c",), views=(View("a", "c", 0), View("b", "c", 2))),
        Task("n3", ("c",), ("y",)),
        x="input",
        y="output",
    ),
    "slice": problem(
        {"x": 1, "a": 4, "b": 2, "c": 2, "y": 1},
        Task("n0", ("x",), ("a",)),
        Task("n1", ("a",), ("b",), views=(View("b", "a", 1),)),
        Task("n2", ("b",), ("c",), in_place=("b",)),
        Task("n3", ("c",), ("y",)),
        x="input",
        y="output",
    ),
    "a part in two concatenations": problem(
        {"x": 1, "a": 1, "b": 1, "c": 2, "d": 2, "y": 1},
        Task("n0", ("x",), ("a",)),
        Task("n1", ("x",), ("b",)),
        Task("n2", ("a", "b"), ("c",), views=(View("a", "c", 0), View("b", "c", 1))),
        Task("n3", ("b", "a"), ("d",), views=(View("b", "d", 0), View("a", "d", 1))),
        Task("n4", ("c", "d"), ("y",)),
        x="input",
        y="output",
    ),
    "words beside bytes": MemoryProblem(
        (
            Item("x", 1, home="input"),
            Item("a", 3),
            Item("b", 4, 4),
            Item("c", 1),
            Item("y", 1, home="output"),
        ),
        (
            Task("n0", ("x",), ("a",)),
            Task("n1", ("a",), ("b",), workspace=("c",)),
            Task("n2", ("a", "b"), ("y",)),
        ),
    ),
}


@pytest.mark.parametrize("name", TINY)
def test_no_plan_at_all_is_below_the_bound_and_none_is_better(name: str) -> None:
    asked = TINY[name]
    plan = plan_memory(asked)
    run_plan(asked, plan)
    views = [view for task in asked.tasks for view in task.views]
    loose = [item for item in asked.items if item.home == ARENA]
    for size in range(plan.size):
        for offsets in itertools.product(
            *(range(0, size - item.bytes + 1, item.alignment) for item in loose)
        ):
            places = {i.name: Place(i.name, 0) for i in asked.items if i.home != ARENA}
            places |= {i.name: Place(ARENA, o) for i, o in zip(loose, offsets, strict=True)}
            held = frozenset(
                v for v in views if places[v.inner].offset == places[v.outer].offset + v.offset
            )
            smaller = MemoryPlan(plan.order, places, size, 0, held)
            with pytest.raises(AssertionError):
                run_plan(asked, smaller)
    assert plan.lower_bound == plan.size


def test_an_addition_takes_the_place_of_a_part_that_dies() -> None:
    plan = plan_memory(TINY["residual"])
    assert plan.places["d"] in (plan.places["c"], plan.places["a"])
    assert plan.size == 7


def test_nothing_is_written_over_what_is_read_again() -> None:
    asked = problem(
        {"x": 1, "a": 5, "b": 5, "y": 1},
        Task("n0", ("x",), ("a",)),
        Task("n1", ("a",), ("b",), in_place=("a",)),
        Task("n2", ("a", "b"), ("y",)),
        x="input",
        y="output",
    )
    plan = plan_memory(asked)
    run_plan(asked, plan)
    assert plan.places["a"] != plan.places["b"]
    assert plan.size == plan.lower_bound == 10


def test_the_input_is_never_written_over_and_the_output_may_hold_what_becomes_it() -> None:
    asked = problem(
        {"x": 4, "a": 4, "y": 4},
        Task("n0", ("x",), ("a",), in_place=("x",)),
        Task("n1", ("a",), ("y",), in_place=("a",)),
        x="input",
        y="output",
    )
    plan = plan_memory(asked)
    run_plan(asked, plan)
    assert plan.places["a"] == Place("y", 0)
    assert plan.size == plan.lower_bound == 0


def test_a_concatenation_is_written_by_those_who_make_its_parts() -> None:
    plan = plan_memory(TINY["concat"])
    base = plan.places["c"].offset
    assert (plan.places["a"].offset, plan.places["b"].offset) == (base, base + 2)
    assert plan.size == 3
    assert len(plan.held) == 2


def test_a_part_that_two_concatenations_want_is_copied_into_one() -> None:
    plan = plan_memory(TINY["a part in two concatenations"])
    assert len(plan.held) == 3
    assert plan.size == 3  # a b a: what both hold is shared


def test_places_of_wide_elements_keep_their_type() -> None:
    steps = (Task("f", ("x",), ("a",)), Task("g", ("a",), ("b",)), Task("h", ("b",), ("y",)))

    def planned(first: str, second: str) -> int:
        items = (
            Item("x", 1, home="input"),
            Item("a", 8, kind=first),
            Item("b", 8, kind=second),
            Item("y", 1, home="output"),
            Item("w", 8, kind=first),  # alive in the last step only
        )
        tasks = (*steps[:2], replace(steps[2], workspace=("w",)))
        asked = MemoryProblem(items, tasks)
        plan = plan_memory(asked)
        run_plan(asked, plan)
        return plan.size

    assert planned("16 bits", "16 bits") == planned("16 bits", "") == 16
    assert planned("16 bits", "32 bits") == 16  # w takes the place of a, never that of b
    assert planned("", "32 bits") == 16


def test_dead_elements_of_another_type_keep_their_bytes() -> None:
    def planned(kind: str) -> int:
        items = (
            Item("x", 1, home="input"),
            Item("a", 8, kind="16 bits"),
            Item("y", 1, home="output"),
            Item("w", 8, kind=kind),
        )
        tasks = (
            Task("f", ("x",), ("a",)),
            Task("g", ("a",), ("y",)),
            Task("h", (), ("z",), ("w",)),
        )
        asked = MemoryProblem((*items, Item("z", 1, home="output")), tasks)
        plan = plan_memory(asked)
        run_plan(asked, plan)
        return plan.size

    assert planned("16 bits") == planned("") == 8
    assert planned("32 bits") == 16


def test_slices_of_the_input_lie_in_it() -> None:
    asked = problem(
        {"x": 9, "a": 3, "b": 6, "y": 1},
        Task("n0", ("x",), ("a", "b"), views=(View("a", "x", 0), View("b", "x", 3))),
        Task("n1", ("a", "b"), ("y",)),
        x="input",
        y="output",
    )
    plan = plan_memory(asked)
    run_plan(asked, plan)
    assert plan.places["b"] == Place("x", 3)
    assert plan.size == 0


def test_independent_tasks_are_reordered_only_where_that_helps() -> None:
    wide = Task("n0", ("x",), ("a",)), Task("n1", ("x",), ("b",))
    narrow = Task("n2", ("a",), ("c",)), Task("n3", ("b",), ("d",))
    last = Task("n4", ("c", "d"), ("y",))
    sizes = {"x": 1, "a": 90, "b": 90, "c": 5, "d": 5, "y": 1}
    asked = problem(sizes, *wide, *narrow, last, x="input", y="output")
    plan = plan_memory(asked)
    run_plan(asked, plan)
    assert plan.order != (0, 1, 2, 3, 4)
    assert plan.size == plan.lower_bound == 100  # 185 in the given order
    small = problem({**sizes, "a": 5, "b": 5}, *wide, *narrow, last, x="input", y="output")
    assert plan_memory(small).order == (0, 1, 2, 3, 4)
    chain = problem(
        {"x": 1, "a": 4, "y": 1},
        Task("n0", ("x",), ("a",)),
        Task("n1", ("a",), ("y",)),
        x="input",
        y="output",
    )
    assert plan_memory(chain).order == (0, 1)


def test_an_item_that_nothing_reads_still_needs_its_bytes() -> None:
    asked = problem(
        {"x": 1, "a": 7, "b": 2, "y": 1},
        Task("n0", ("x",), ("a", "b")),
        Task("n1", ("b",), ("y",)),
        x="input",
        y="output",
    )
    plan = plan_memory(asked)
    run_plan(asked, plan)
    assert plan.size == 9


@pytest.mark.parametrize("bad", [{"bytes": 0}, {"alignment": 3}, {"home": "cellar"}])
def test_an_impossible_item_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="item t"):
        Item(**{"name": "t", "bytes": 4, **bad})  # type: ignore[arg-type]
