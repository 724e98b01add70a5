"""Fixed-point vectors without their zeros, as factors of packed rows; a zero costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import mul

from pyexport.scratch.backends.lanes import Lanes, rounded

FEW_LEVELS = 4  # bits of pixels up to which equal ones are worth gathering


class Numbers:
    """Integers x_i: any numbers, in units of 1 / scale."""

    def __init__(self, x: Sequence[float], scale: float, places: Sequence[int]) -> None:
        self.x = x
        self.scale = scale
        self.places = list(compress(places, x))
        self.present = rounded(list(filter(None, x)), scale)
        sizes = list(map(abs, self.present))
        self.total = sum(sizes)
        self.largest = max(sizes, default=0)

    def __len__(self) -> int:
        return len(self.x)

    def weighted_sum(self, rows: Sequence[int], start: int) -> int:
        """Return start + the sum of x_i * rows[i]."""
        terms = map(mul, self.present, map(rows.__getitem__, self.places))
        total: int = sum(terms, start)
        return total

    def subtract_multiples(self, rows: list[int], step: int) -> None:
        """Subtract x_i * step from each rows[i]."""
        for i, number in zip(self.places, self.present, strict=True):
            rows[i] -= number * step

    def numbers(self) -> list[int]:
        """Return all x_i, zeros too."""
        return rounded(self.x, self.scale)

    def packed(self, lanes: Lanes) -> int:
        """Return all x_i in lanes."""
        return lanes.pack_rounded(self.x, self.scale)


class Levels:
    """The same for bytes of few levels: equal ones share a multiplication."""

    def __init__(self, x: bytes, table: bytes, places: Sequence[int]) -> None:
        self.x = x
        self.table = table  # the level of each byte
        levels = x.translate(table)
        present = levels.translate(None, b"\0")
        members: list[list[int]] = [[] for _ in range(1 << FEW_LEVELS)]
        for i, level in zip(compress(places, levels), present, strict=True):
            members[level].append(i)
        self.groups = [(level, tuple(group)) for level, group in enumerate(members) if group]
        self.largest = self.groups[-1][0] if self.groups else 0

    def __len__(self) -> int:
        return len(self.x)

    def weighted_sum(self, rows: Sequence[int], start: int) -> int:
        """Return start + the sum of x_i * rows[i]."""
        row = rows.__getitem__
        return sum([level * sum(map(row, group)) for level, group in self.groups], start)

    def subtract_multiples(self, rows: list[int], step: int) -> None:
        """Subtract x_i * step from each rows[i]."""
        for level, group in self.groups:
            change = level * step
            for i in group:
                rows[i] -= change

    def numbers(self) -> list[int]:
        """Return all x_i, zeros too."""
        return list(self.x.translate(self.table))

    def packed(self, lanes: Lanes) -> int:
        """Return all x_i in lanes."""
        return lanes.pack(self.numbers())


Factors = Numbers | Levels
