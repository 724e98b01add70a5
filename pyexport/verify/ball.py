"""Inputs at most epsilon from a start, in L-infinity or L2, and the legal ones among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.ir import Array, FloatArray
from pyexport.verify.pair import Pair

NORMS = ("linf", "l2")
SLACK = 1e-9  # relative: a distance of epsilon is inside, however its square was rounded


@dataclass(frozen=True, eq=False)
class Ball:
    """At most epsilon from a start, measured in `unit` of each element."""

    norm: str
    epsilon: float
    unit: FloatArray  # (size,), real: ones, or what one unit of the device's integers is worth

    def __post_init__(self) -> None:
        if self.norm not in NORMS:
            raise UsageError(f"no norm is called {self.norm!r}; use {' or '.join(NORMS)}")
        if not (math.isfinite(self.epsilon) and self.epsilon > 0.0):
            raise UsageError(f"epsilon is a distance above 0, not {self.epsilon:g}")

    def steepest(self, gradient: FloatArray) -> FloatArray:
        """Return the move of length 1 (n, size) that goes down a gradient (n, size) fastest."""
        slope = gradient * self.unit
        move: FloatArray = -np.sign(slope)
        if self.norm == "l2":
            length = np.linalg.norm(slope, axis=1, keepdims=True)
            move = -slope / np.where(length > 0.0, length, 1.0)
        return move * self.unit

    def project(self, rows: FloatArray, starts: FloatArray) -> FloatArray:
        """Return the nearest rows inside the ball around each start."""
        move = (rows - starts) / self.unit
        if self.norm == "linf":
            inside: FloatArray = np.clip(move, -self.epsilon, self.epsilon)
        else:
            length = np.linalg.norm(move, axis=1, keepdims=True)
            inside = move * np.minimum(1.0, self.epsilon / np.maximum(length, 1e-300))
        nearest: FloatArray = starts + inside * self.unit
        return nearest

    def sample(self, starts: FloatArray, generator: np.random.Generator) -> FloatArray:
        """Return a row for each start, drawn evenly from its ball."""
        if self.norm == "linf":
            move = generator.uniform(-self.epsilon, self.epsilon, size=starts.shape)
            return starts + move * self.unit
        move = generator.normal(size=starts.shape)
        length = np.linalg.norm(move, axis=1, keepdims=True)
        radius = generator.random((len(starts), 1)) ** (1.0 / starts.shape[1])
        row: FloatArray = starts + self.epsilon * radius * move / length * self.unit
        return row

    def legal(self, pair: Pair, rows: FloatArray, starts: Array) -> Array:
        """Return the device's integers nearest to real rows of the ball, inside it themselves.

        Where rounding to the nearest leaves the ball, those values that rounding moved farthest
        outwards are rounded towards the start instead. starts are integers, rows lie in the limits.
        """
        nearest = pair.integers(rows)
        if pair.step is None:
            return nearest  # every float32 is legal
        move = nearest.astype(np.int64) - starts.astype(np.int64)
        worth = pair.step / self.unit
        if self.norm == "linf":
            most = np.floor(self.epsilon / worth * (1.0 + SLACK)).astype(np.int64)
            move = np.clip(move, -most, most)
        else:
            exact = np.abs(rows - pair.real(starts)) / pair.step
            move = _inside(move, exact, worth, self.epsilon)
        return (starts + move).astype(nearest.dtype)


def _inside(move: Array, exact: FloatArray, worth: FloatArray, epsilon: float) -> Array:
    """Return moves in integers with as many rounded towards 0 as their length asks for."""
    size = np.abs(move)
    excess = np.where(size > 0, size - exact, 0.0)  # above 0: rounding went outwards
    saved = np.where(excess > 0.0, (size**2 - (size - 1) ** 2) * worth**2, 0.0)
    order = np.argsort(-excess, axis=1, kind="stable")
    total = np.cumsum(np.take_along_axis(saved, order, axis=1), axis=1)
    needed = ((size * worth) ** 2).sum(axis=1) - epsilon**2 * (1.0 + SLACK)
    fewer = np.concatenate([np.zeros((len(move), 1)), total[:, :-1]], axis=1)
    back = np.zeros(move.shape, dtype=bool)
    np.put_along_axis(back, order, fewer < needed[:, None], axis=1)
    result: Array = move - np.sign(move) * (back & (excess > 0.0))
    return result
