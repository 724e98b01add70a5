"""Fixed-point vectors without their zeros, as factors of packed rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, groupby
from operator import mul
from typing import Protocol


class Factors(Protocol):
    """Integers x_i; what is zero costs nothing."""

    largest: int  # no |x_i| is larger

    def weighted_sum(self, rows: Sequence[int], start: int) -> int:
        """Return start + the sum of x_i * rows[i]."""
        ...

    def subtract_multiples(self, rows: list[int], step: int) -> None:
        """Subtract x_i * step from each rows[i]."""
        ...

    def numbers(self) -> list[int]:
        """Return all x_i, zeros too."""
        ...


class Numbers:
    """Any integers."""

    def __init__(self, x: list[int], places: Sequence[int]) -> None:
        self.dense = x
        self.places = list(compress(places, x))
        self.present = list(filter(None, x))
        sizes = list(map(abs, self.present))
        self.total = sum(sizes)
        self.largest = max(sizes, default=0)

    def weighted_sum(self, rows: Sequence[int], start: int) -> int:
        terms = map(mul, self.present, map(rows.__getitem__, self.places))
        total: int = sum(terms, start)
        return total

    def subtract_multiples(self, rows: list[int], step: int) -> None:
        for i, number in zip(self.places, self.present, strict=True):
            rows[i] -= number * step

    def numbers(self) -> list[int]:
        return self.dense


class Levels:
    """Bytes of few values: rows of the same value are added first, and multiplied once."""

    def __init__(self, x: bytes, places: Sequence[int]) -> None:
        self.levels = levels = list(x)  # its __getitem__ is faster to call than that of bytes
        start, end = len(x) - len(x.lstrip(b"\0")), len(x.rstrip(b"\0"))  # images have margins
        present = compress(places[start:end], levels[start:end])
        order = sorted(present, key=levels.__getitem__)
        self.groups = [
            (number, list(group)) for number, group in groupby(order, levels.__getitem__)
        ]
        self.largest = self.groups[-1][0] if self.groups else 0

    def weighted_sum(self, rows: Sequence[int], start: int) -> int:
        row = rows.__getitem__
        return sum([number * sum(map(row, group)) for number, group in self.groups], start)

    def subtract_multiples(self, rows: list[int], step: int) -> None:
        for number, group in self.groups:
            change = number * step
            for i in group:
                rows[i] -= change

    def numbers(self) -> list[int]:
        return self.levels
