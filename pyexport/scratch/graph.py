"""The order in which derivatives flow: shared by the scalar and the vector graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar


class Linked(Protocol):
    """Anything that knows what it was computed from."""

    @property
    def parents(self) -> Sequence[Self]: ...


N = TypeVar("N", bound=Linked)


def topological_order(root: N) -> list[N]:
    """Return root and all it was computed from, every node after all of its parents.

    Walked with a stack of its own, so that no graph is too deep, and without the order of a set,
    so that every run adds gradients in the same order: equal runs give equal bits.
    """
    order: list[N] = []
    seen: set[N] = set()
    stack: list[N | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:  # the parents of the node below are all in order: now the node itself
            finished = stack.pop()
            assert finished is not None
            order.append(finished)
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            stack += [parent for parent in reversed(node.parents) if parent not in seen]
    return order
