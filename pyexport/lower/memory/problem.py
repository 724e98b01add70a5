"""What the memory planner is asked: items of some bytes, and the tasks that use them in turn.

Plain data without a graph: the planner knows neither operators nor kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

ARENA = "arena"
CALLERS = ("input", "output", "state")  # homes that the planner gives no place to


@dataclass(frozen=True)
class Item:
    """Bytes that must lie somewhere: a tensor, a workspace or a line buffer."""

    name: str
    bytes: int
    alignment: int = 1  # its offset in the arena is a multiple; a power of two
    home: str = ARENA  # or one of CALLERS: memory that somebody else provides
    kind: str = ""  # its bytes are those of no item of another kind, at any time; "" of any

    def __post_init__(self) -> None:
        if self.bytes < 1 or self.alignment < 1 or self.alignment & (self.alignment - 1):
            raise ValueError(
                f"item {self.name}: {self.bytes} bytes on a multiple of {self.alignment}"
            )
        if self.home not in (ARENA, *CALLERS):
            raise ValueError(f"item {self.name}: home {self.home!r} is unknown")


@dataclass(frozen=True)
class View:
    """Item `inner` holds what `outer` holds from byte `offset` on: it can lie there."""

    inner: str
    outer: str
    offset: int


@dataclass(frozen=True)
class Task:
    """One step of a program. All that it reads, writes and works in is alive while it runs."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    workspace: tuple[str, ...] = ()  # items that nothing else uses
    in_place: tuple[str, ...] = ()  # reads whose bytes its first write may take
    views: tuple[View, ...] = ()  # where all of them hold, the task has nothing to do


@dataclass(frozen=True)
class Place:
    """Where an item lies: `offset` bytes behind the start of the arena or of a caller's item."""

    home: str  # ARENA, or the name of the caller's item
    offset: int


@dataclass(frozen=True)
class MemoryProblem:
    """Items and tasks; a task may run when what it reads is written."""

    items: tuple[Item, ...]
    tasks: tuple[Task, ...]

    @cached_property
    def by_name(self) -> dict[str, Item]:
        """Return the items by name."""
        return {item.name: item for item in self.items}

    @cached_property
    def writers(self) -> dict[str, int]:
        """Return the task that writes an item; items of the caller's may have none."""
        return {name: i for i, task in enumerate(self.tasks) for name in task.writes}

    def lifetimes(self, order: Sequence[int]) -> dict[str, tuple[int, int]]:
        """Return first and last position in `order` at which each item is alive.

        What a caller gives is alive from -1, before the first task; what he wants stays alive to
        the number of tasks, behind the last one.
        """
        found: dict[str, tuple[int, int]] = {}
        for position, index in enumerate(order):
            task = self.tasks[index]
            for name in (*task.reads, *task.writes, *task.workspace):
                first, last = found.get(name, (position, position))
                found[name] = (min(first, position), max(last, position))
        end = len(order)
        for item in self.items:
            first, last = found.get(item.name, (end, end))
            if item.home in ("input", "state"):
                found[item.name] = (-1, end)
            elif item.home == "output":
                found[item.name] = (first, end)
        return {name: span for name, span in found.items() if name in self.by_name}


def align_up(offset: int, alignment: int) -> int:
    """Return the least multiple of alignment that is at least offset."""
    return -(-offset // alignment) * alignment
