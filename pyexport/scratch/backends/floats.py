"""Weights as lists of floats: clear, and open to every optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from operator import mul

from pyexport.scratch.backends import Row, Rule

Sparse = list[tuple[int, float]]  # (place, number) of what is not zero


class FloatMatrix:
    """n_out rows of n_in floats. Sums are exact before one rounding, on every Python version."""

    def __init__(self, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        self.pairs: list[tuple[Sparse, Sequence[float]]] = []
        self.load(weight, bias)

    def load(self, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        self.rows = [list(row) for row in weight]
        self.offsets = list(bias)

    def weight(self) -> list[Row]:
        return [list(row) for row in self.rows]

    def bias(self) -> Row:
        return list(self.offsets)

    def encode(self, x: Sequence[float]) -> Sparse:
        return [(i, number) for i, number in enumerate(x) if number]

    def mv(self, x: Sparse) -> Row:
        return [
            fsum([offset, *[row[i] * number for i, number in x]])
            for row, offset in zip(self.rows, self.offsets, strict=True)
        ]

    def tmv(self, g: Sequence[float]) -> Row:
        return [fsum(map(mul, g, column)) for column in zip(*self.rows, strict=True)]

    def outer(self, x: Sparse, g: Sequence[float]) -> None:
        self.pairs.append((x, g))

    def gradient(self) -> tuple[list[Row], Row]:
        weight = [[0.0] * len(row) for row in self.rows]
        bias = [0.0] * len(self.offsets)
        for x, g in self.pairs:
            for o, share in enumerate(g):
                if share:
                    bias[o] += share
                    row = weight[o]
                    for i, number in x:
                        row[i] += share * number
        return weight, bias

    def prepare(self, rate: float) -> None:
        pass  # floats take every step

    def descend(self, rate: float) -> None:
        for x, g in self.pairs:
            for o, share in enumerate(g):
                if share:
                    step = rate * share
                    self.offsets[o] -= step
                    row = self.rows[o]
                    for i, number in x:
                        row[i] -= step * number
        self.forget()

    def update(self, rule: Rule) -> None:
        weight, bias = self.gradient()
        for o, (row, gradient) in enumerate(zip(self.rows, weight, strict=True)):
            self.rows[o] = rule(o, row, gradient)
        self.offsets = rule(len(self.rows), self.offsets, bias)
        self.forget()

    def forget(self) -> None:
        self.pairs.clear()
