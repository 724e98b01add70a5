"""Plans memory: in which order tasks run, what shares its bytes, and where all of it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyexport.lower.memory.choosing import Choice, Question, choose, place
from pyexport.lower.memory.order import find_orders, least_alive, move_task
from pyexport.lower.memory.placing import Generator
from pyexport.lower.memory.problem import ARENA, MemoryProblem, Place, View, align_up

MOST_REORDERED = 150  # moves of single tasks that are tried where the bound is not reached


@dataclass(frozen=True)
class MemoryPlan:
    """Everything that was decided."""

    order: tuple[int, ...]  # tasks in the order in which they run
    places: Mapping[str, Place]
    size: int  # bytes of the arena
    lower_bound: int  # no plan of this order can need fewer, whatever it lets share its bytes
    held: frozenset[View]  # views that need no copy


def plan_memory(problem: MemoryProblem) -> MemoryPlan:
    """Return a plan in which nothing alive overlaps but what may.

    Another order of the tasks than the given one is taken only if its arena is smaller.
    """
    orders = find_orders(problem)
    answers = [_answer(problem, order) for order in orders]
    best = min(answers, key=lambda answer: answer.choice.size)  # the first of equal ones
    if best.choice.size > best.least and len(problem.tasks) > 2:
        best = _reorder(problem, best)
    return MemoryPlan(
        order=best.question.order,
        places=best.choice.places,
        size=best.choice.size,
        lower_bound=best.least,
        held=best.choice.sharing.held,
    )


@dataclass(frozen=True)
class _Answer:
    question: Question
    choice: Choice
    least: int  # no choice for this order is smaller


def _ask(problem: MemoryProblem, order: tuple[int, ...]) -> Question:
    grain = max((i.alignment for i in problem.items if i.home == ARENA), default=1)
    return Question(problem, order, align_up(least_alive(problem, order), grain), grain)


def _answer(problem: MemoryProblem, order: tuple[int, ...]) -> _Answer:
    question = _ask(problem, order)
    return _Answer(question, *choose(question))


def _reorder(problem: MemoryProblem, start: _Answer) -> _Answer:
    """Move single tasks to other places in the order, and keep what makes the arena smaller."""
    random = Generator()
    order, choice = start.question.order, start.choice
    for _ in range(MOST_REORDERED):
        moved = move_task(problem, order, random)
        question = _ask(problem, moved)
        if moved == order or question.bound > choice.size:
            continue
        trial = place(question, choice.wanted)
        if trial.size <= choice.size:
            order, choice = moved, trial
        if choice.size <= question.bound:
            break
    if choice.size == start.choice.size:
        return start
    return min((start, _answer(problem, order)), key=lambda answer: answer.choice.size)
