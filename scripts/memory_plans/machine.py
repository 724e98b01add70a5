"""Runs a memory plan on a machine of labelled bytes: what is read must be what was written.

It shares nothing with the planner but the plan. A byte holds the label of the value that lies
there; a task that reads a byte with another label shows an overlap.
"""

from __future__ import annotations

from pyexport.lower.memory import ARENA, MemoryPlan, MemoryProblem, Task

Label = tuple[str, int]


def run_plan(problem: MemoryProblem, plan: MemoryPlan) -> None:
    """Raise AssertionError where a plan loses a byte, or lets one lie where none may."""
    memory: dict[tuple[str, int], Label] = {}
    labels: dict[str, list[Label]] = {}
    for item in problem.items:
        place = plan.places[item.name]
        if place.home == ARENA:
            assert item.home == ARENA
            assert 0 <= place.offset <= plan.size - item.bytes, item
            assert place.offset % item.alignment == 0, item
        else:
            home = problem.by_name[place.home]
            assert home.home != ARENA
            assert item.home == ARENA or item == home
            assert 0 <= place.offset <= home.bytes - item.bytes, item
        if item.home in ("input", "state"):
            labels[item.name] = [(item.name, i) for i in range(item.bytes)]
            _write(memory, plan, item.name, labels[item.name])
    assert sorted(plan.order) == list(range(len(problem.tasks)))
    inputs = {name: list(value) for name, value in labels.items()}
    for index in plan.order:
        _run_task(problem, plan, problem.tasks[index], memory, labels)
    for item in problem.items:
        if item.home == "output":
            assert _read(memory, plan, item.name, item.bytes) == labels[item.name], item
    for name, value in inputs.items():
        assert _read(memory, plan, name, len(value)) == value, f"{name} was overwritten"


def _run_task(
    problem: MemoryProblem,
    plan: MemoryPlan,
    task: Task,
    memory: dict[tuple[str, int], Label],
    labels: dict[str, list[Label]],
) -> None:
    values = {name: labels[name] for name in task.reads}  # KeyError: read before it is written
    results = {name: _result(problem, task, name, values) for name in task.writes}
    copied = {v.outer if v.inner in task.reads else v.inner for v in task.views} - {
        v.inner for v in task.views if v in plan.held and v.inner in task.writes
    }
    if task.views and set(task.views) <= plan.held:
        copied = set()  # nothing runs at all
    moves = bool(task.views)
    in_place = {name for name in task.in_place if plan.places[name] == plan.places[task.writes[0]]}
    # an adversary: the task may use its whole workspace and write its results in any order,
    # before it reads, unless it is one that reads element by element what it writes over
    for name in task.workspace:
        _write(memory, plan, name, [("noise", i) for i in range(problem.by_name[name].bytes)])
    if not moves:
        for name in task.writes:
            if name != task.writes[0] or not in_place:
                junk = [("noise", i) for i in range(problem.by_name[name].bytes)]
                _write(memory, plan, name, junk)
    elif copied:
        _junk_where_nothing_lies(problem, plan, task, memory)
    for name in task.reads:
        assert _read(memory, plan, name, len(values[name])) == values[name], (task, name)
    for name in task.writes:
        if not moves or name in copied:
            _write(memory, plan, name, results[name])
        labels[name] = results[name]
    for name in task.workspace:  # it may be written to the end
        _write(memory, plan, name, [("noise", i) for i in range(problem.by_name[name].bytes)])
    for name in task.writes:
        assert _read(memory, plan, name, len(results[name])) == results[name], (task, name)


def _junk_where_nothing_lies(
    problem: MemoryProblem,
    plan: MemoryPlan,
    task: Task,
    memory: dict[tuple[str, int], Label],
) -> None:
    """Spoil the results of a task that copies, but for the parts that lie in place already."""
    for name in task.writes:
        place = plan.places[name]
        spared: set[int] = set()
        for view in task.views:
            if view in plan.held and view.outer == name:
                inside = range(view.offset, view.offset + problem.by_name[view.inner].bytes)
                spared.update(inside)
            if view in plan.held and view.inner == name:
                spared.update(range(problem.by_name[name].bytes))
        for i in range(problem.by_name[name].bytes):
            if i not in spared:
                memory[place.home, place.offset + i] = ("noise", i)


def _result(
    problem: MemoryProblem, task: Task, name: str, values: dict[str, list[Label]]
) -> list[Label]:
    result = [(name, i) for i in range(problem.by_name[name].bytes)]
    for view in task.views:
        if view.outer == name:
            result[view.offset : view.offset + len(values[view.inner])] = values[view.inner]
        if view.inner == name:
            result = values[view.outer][view.offset : view.offset + len(result)]
    return result


def _write(
    memory: dict[tuple[str, int], Label], plan: MemoryPlan, name: str, value: list[Label]
) -> None:
    place = plan.places[name]
    for i, label in enumerate(value):
        memory[place.home, place.offset + i] = label


def _read(
    memory: dict[tuple[str, int], Label], plan: MemoryPlan, name: str, size: int
) -> list[Label | None]:
    place = plan.places[name]
    return [memory.get((place.home, place.offset + i)) for i in range(size)]
