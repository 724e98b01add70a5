"""Puts items that can share bytes into rigid groups: views of each other, and results in place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from pyexport.lower.memory.problem import ARENA, MemoryProblem, View
from pyexport.lower.memory.values import Segment, origins, same_values


@dataclass(frozen=True)
class Relation:
    """A wish of a task: `item` lies in `other`, `offset` bytes behind its start."""

    item: str
    other: str
    offset: int
    view: View | None  # None: the task writes `item` over `other`, which it read
    task: int


@dataclass(frozen=True)
class Group:
    """Items whose places relative to each other are fixed."""

    members: tuple[tuple[str, int], ...]  # item and its offset in the group, from 0 in the arena
    home: str  # ARENA, or the caller's item whose first byte is offset 0


@dataclass(frozen=True)
class Sharing:
    """Groups of all items, and the relations that hold in them."""

    groups: tuple[Group, ...]
    kept: tuple[Relation, ...]

    @property
    def held(self) -> frozenset[View]:
        """Return the views that hold."""
        return frozenset(r.view for r in self.kept if r.view is not None)


def relations(problem: MemoryProblem) -> tuple[Relation, ...]:
    """Return everything that may be shared, in the order in which it is tried: views first."""
    views, in_place = [], []
    for index, task in enumerate(problem.tasks):
        views += [Relation(v.inner, v.outer, v.offset, v, index) for v in task.views]
        in_place += [Relation(task.writes[0], name, 0, None, index) for name in task.in_place]
    return (*views, *in_place)


def without(problem: MemoryProblem, left_out: Collection[Relation]) -> MemoryProblem:
    """Return the problem in which some relations may not hold."""
    if not left_out:
        return problem
    views = {r.view for r in left_out}
    over = {(r.task, r.other) for r in left_out if r.view is None}
    tasks = (
        replace(
            task,
            views=tuple(v for v in task.views if v not in views),
            in_place=tuple(n for n in task.in_place if (index, n) not in over),
        )
        for index, task in enumerate(problem.tasks)
    )
    return MemoryProblem(problem.items, tuple(tasks))


def share(problem: MemoryProblem, order: Sequence[int], wanted: Iterable[Relation]) -> Sharing:
    """Return the groups that hold all wanted relations that are safe, each tried in turn."""
    state = _State(problem, order)
    kept = tuple(relation for relation in wanted if state.join(relation))
    return Sharing(state.groups(), kept)


class _State:
    """Groups while they grow. offsets: of each item in its group, which may be negative."""

    def __init__(self, problem: MemoryProblem, order: Sequence[int]) -> None:
        self._problem = problem
        self._spans = problem.lifetimes(order)
        self._at = {task: position for position, task in enumerate(order)}
        self._origins: dict[str, tuple[Segment, ...]] = origins(problem)
        self._group = {item.name: item.name for item in problem.items}
        self._members = {item.name: {item.name: 0} for item in problem.items}
        self._over: dict[str, str] = {}  # item written in place: the item that lay there

    def join(self, relation: Relation) -> bool:
        """Make a relation hold if that is safe; return whether it holds."""
        item, other = relation.item, relation.other
        mine, theirs = self._group[item], self._group[other]
        place = self._members[theirs][other] + relation.offset
        if mine == theirs:
            return relation.view is not None and self._members[mine][item] == place
        if relation.view is None and not self._can_take(relation):
            return False
        shift = place - self._members[mine][item]
        moved = {name: offset + shift for name, offset in self._members[mine].items()}
        if relation.view is None:
            self._over[item] = other
        if not self._fits(moved, self._members[theirs]):
            self._over.pop(item, None)
            return False
        self._members[theirs].update(moved)
        del self._members[mine]
        for name in moved:
            self._group[name] = theirs
        return True

    def _can_take(self, relation: Relation) -> bool:
        """Return whether a result may be written over what was read: nobody reads that again."""
        if relation.item in self._over:
            return False
        size = self._problem.by_name[relation.item].bytes
        last = self._spans[relation.other][1]
        return (
            size == self._problem.by_name[relation.other].bytes and last == self._at[relation.task]
        )

    def _fits(self, moved: dict[str, int], rest: dict[str, int]) -> bool:
        items = self._problem.by_name
        together = rest | moved
        homes = [name for name in together if items[name].home != ARENA]
        if len(homes) > 1:
            return False
        if homes:
            start = together[homes[0]]
            end = start + items[homes[0]].bytes
            inside = (
                start <= offset and offset + items[name].bytes <= end
                for name, offset in together.items()
            )
            if not all(inside):
                return False
        base = together[homes[0]] if homes else min(together.values())
        if any((offset - base) % items[name].alignment for name, offset in together.items()):
            return False
        return all(self._apart(a, offset, b, rest[b]) for a, offset in moved.items() for b in rest)

    def _apart(self, a: str, a_at: int, b: str, b_at: int) -> bool:
        """Return whether two items may lie so: never at once, or in other bytes, or the same."""
        items, spans = self._problem.by_name, self._spans
        if a_at + items[a].bytes <= b_at or b_at + items[b].bytes <= a_at:
            return True
        if spans[a][1] < spans[b][0] or spans[b][1] < spans[a][0]:
            return True
        if self._over.get(a) == b or self._over.get(b) == a:
            return a_at == b_at
        return same_values(self._origins[a], a_at, self._origins[b], b_at)

    def groups(self) -> tuple[Group, ...]:
        """Return the groups; those in the arena start at offset 0."""
        found = []
        for members in self._members.values():
            homes = [name for name in members if self._problem.by_name[name].home != ARENA]
            base = members[homes[0]] if homes else min(members.values())
            placed = tuple((name, offset - base) for name, offset in members.items())
            found.append(Group(placed, homes[0] if homes else ARENA))
        return tuple(found)
