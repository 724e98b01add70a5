"""Plans the arena: where each tensor between two layers lies, so that dead ones make room."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lifetime:
    """A tensor's bytes, from the step that writes it to the last step that reads it."""

    name: str
    bytes: int
    first: int
    last: int

    def overlaps(self, other: "Lifetime") -> bool:
        """Return whether both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """Byte offset of each tensor, the arena's size, and the size that no plan can beat."""

    offsets: dict[str, int]
    size: int
    lower_bound: int


def plan_arena(lifetimes: Sequence[Lifetime], alignment: int = 1) -> Plan:
    """Return a plan without overlap; offsets are multiples of alignment.

    Each tensor goes into the lowest gap that fits, largest tensor first. Where that is not the
    least possible, the two ends of the arena in turn are tried: it is for a chain of layers. The
    lower bound is the most bytes alive at one step.
    """
    steps = {t.first for t in lifetimes} | {t.last for t in lifetimes}
    alive = [sum(t.bytes for t in lifetimes if t.first <= s <= t.last) for s in steps]
    lower_bound = max(alive, default=0)
    placed = _lowest_gaps(lifetimes, alignment)
    if _size(placed) > lower_bound:
        alternative = _two_ends(lifetimes, -(-lower_bound // alignment) * alignment, alignment)
        if alternative is not None:
            placed = alternative
    offsets = {item.name: offset for offset, item in placed}
    return Plan(offsets, _size(placed), lower_bound)


Placed = list[tuple[int, Lifetime]]  # offset and tensor


def _size(placed: Placed) -> int:
    return max((offset + item.bytes for offset, item in placed), default=0)


def _lowest_gaps(lifetimes: Sequence[Lifetime], alignment: int) -> Placed:
    placed: Placed = []
    for item in sorted(lifetimes, key=lambda t: (-t.bytes, t.first, t.name)):
        offset = 0
        for start, other in sorted(placed, key=lambda p: p[0]):
            if not item.overlaps(other):
                continue
            if offset + item.bytes <= start:
                break
            end = start + other.bytes
            offset = max(offset, -(-end // alignment) * alignment)
        placed.append((offset, item))
    return placed


def _two_ends(lifetimes: Sequence[Lifetime], size: int, alignment: int) -> Placed | None:
    """Return tensors at the bottom and the top of `size` bytes in turn, None if two overlap."""
    placed: Placed = []
    for i, item in enumerate(sorted(lifetimes, key=lambda t: (t.first, t.name))):
        offset = 0 if i % 2 == 0 else (size - item.bytes) // alignment * alignment
        for start, other in placed:
            apart = offset + item.bytes <= start or start + other.bytes <= offset
            if item.overlaps(other) and not apart:
                return None
        placed.append((offset, item))
    return placed
