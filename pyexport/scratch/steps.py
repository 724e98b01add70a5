"""A vector at each of several time steps: what spiking layers pass to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from pyexport.errors import UsageError
from pyexport.scratch.layers import Vector


class Steps:
    """The vectors of T time steps, and behind a spiking layer its membranes at each.

    It has the methods of a vector, so that every layer but a loss works on it, step by step.
    """

    def __init__(self, parts: Sequence[Vector], membranes: Sequence[Vector] = ()) -> None:
        self.parts = parts
        self.membranes = membranes

    @property
    def data(self) -> list[float]:
        """The numbers of all steps, one step after the other."""
        return [number for part in self.parts for number in part.data]

    def affine(self, matrix: Any) -> Steps:
        """Return W x + b of every step; what is the same vector in each costs it once."""
        return self._each(lambda part: part.affine(matrix))

    def relu(self) -> Steps:
        return self._each(lambda part: part.relu())

    def leaky_relu(self, slope: float) -> Steps:
        return self._each(lambda part: part.leaky_relu(slope))

    def sigmoid(self) -> Steps:
        return self._each(lambda part: part.sigmoid())

    def tanh(self) -> Steps:
        return self._each(lambda part: part.tanh())

    def softmax(self) -> Steps:
        return self._each(lambda part: part.softmax())

    def scale(self, factors: Sequence[float]) -> Steps:
        """Return the product with constants, one a number of `data`."""
        scaled: list[Vector] = []
        start = 0
        for part in self.parts:
            end = start + len(part.data)
            scaled.append(part.scale(factors[start:end]))
            start = end
        return Steps(scaled)

    def leak(
        self, factors: Sequence[float], current: Vector | None, constants: Sequence[float] | None
    ) -> NoReturn:
        self._refuse()

    def spike(self, threshold: float, compare: str) -> NoReturn:
        self._refuse()

    def squash(self) -> Steps:
        return self._each(lambda part: part.squash())

    def straight_through(self, data: Sequence[float], factors: Sequence[float]) -> NoReturn:
        self._refuse()

    def loss(self, loss: Any, target: Any) -> NoReturn:
        self._refuse()

    def item(self) -> NoReturn:
        self._refuse()

    def gradient(self) -> NoReturn:
        self._refuse()

    def backward(self, seed: float = 1.0) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError("these are several time steps; put a Readout behind them first")

    def _each(self, function: Callable[[Vector], Vector]) -> Steps:
        done: dict[int, Vector] = {}
        for part in self.parts:
            if id(part) not in done:
                done[id(part)] = function(part)
        return Steps([done[id(part)] for part in self.parts])
