"""Bounds that hold for every choice of what is shared, from what is decided so far."""

from __future__ import annotations

from collections.abc import Sequence

from pyexport.lower.memory.blocks import least_extent, make_blocks
from pyexport.lower.memory.exact import best_offsets
from pyexport.lower.memory.order import least_alive
from pyexport.lower.memory.placing import Board, find_offsets
from pyexport.lower.memory.problem import ARENA, MemoryProblem
from pyexport.lower.memory.sharing import Group, Relation, share, without

_TRIES = 60


def least_size(
    problem: MemoryProblem,
    order: Sequence[int],
    forced: tuple[Relation, ...],
    undecided: tuple[Relation, ...],
    left_out: set[Relation],
) -> int:
    """Return a size that no plan can beat that holds all that is forced and nothing left out.

    It is the most bytes alive at once, or the proved least arena of those groups that share no
    byte with each other whatever is decided.
    """
    alive = least_alive(without(problem, left_out), order)
    groups = _independent(problem, share(problem, order, forced).groups, undecided)
    blocks = make_blocks(problem, order, groups)
    least = max(least_extent(blocks), alive)
    board = Board(blocks)
    start = find_offsets(board, least, _TRIES)
    offsets, is_least = best_offsets(board, start, least)
    return max(least, board.size(offsets)) if is_least else least


def _independent(
    problem: MemoryProblem, groups: Sequence[Group], undecided: Sequence[Relation]
) -> list[Group]:
    """Return groups, large ones first, none of which can come to share bytes with another.

    A result in place can share with what it is written over, a view with everything that views
    connect it to. What relations connect to memory of the caller's may lie there.
    """
    number = {name: i for i, group in enumerate(groups) for name, _ in group.members}
    joined = _Components(len(groups))
    viewed = _Components(len(groups))
    beside: dict[int, set[int]] = {i: set() for i in range(len(groups))}
    for relation in undecided:
        a, b = number[relation.item], number[relation.other]
        joined.join(a, b)
        if relation.view is None:
            beside[a].add(b)
            beside[b].add(a)
        else:
            viewed.join(a, b)
    outside = {joined.find(i) for i, group in enumerate(groups) if group.home != ARENA}
    size = {
        i: sum(problem.by_name[name].bytes for name, _ in group.members)
        for i, group in enumerate(groups)
    }
    kept: list[int] = []
    taken: set[int] = set()
    for i in sorted(size, key=lambda i: (-size[i], i)):
        if joined.find(i) in outside or viewed.find(i) in taken or beside[i] & set(kept):
            continue
        kept.append(i)
        taken.add(viewed.find(i))
    return [groups[i] for i in kept]


class _Components:
    """Which numbers are connected."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, i: int) -> int:
        """Return the number that stands for all connected with i."""
        while self._parent[i] != i:
            i = self._parent[i]
        return i

    def join(self, a: int, b: int) -> None:
        """Connect two numbers."""
        self._parent[self.find(a)] = self.find(b)
