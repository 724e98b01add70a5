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
    """Return a plan without overlap: largest tensor first, each in the lowest gap that fits.

    Offsets are multiples of alignment. The lower bound is the most bytes alive at one step.
    """
    placed: list[tuple[int, Lifetime]] = []
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
    steps = {t.first for t in lifetimes} | {t.last for t in lifetimes}
    alive = [sum(t.bytes for t in lifetimes if t.first <= s <= t.last) for s in steps]
    return Plan(
        offsets={item.name: offset for offset, item in placed},
        size=max((offset + item.bytes for offset, item in placed), default=0),
        lower_bound=max(alive, default=0),
    )
