"""The layers: what each does to a vector, in every engine alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any, Protocol, Self

from pyexport.errors import UsageError
from pyexport.scratch.backends import Parameters, Row


class Vector(Protocol):
    """What layers need of a vector: node.Node and backends.scalars.ScalarVector have it."""

    @property
    def data(self) -> Sequence[float]: ...
    def affine(self, matrix: Any) -> Self: ...
    def relu(self) -> Self: ...
    def leaky_relu(self, slope: float) -> Self: ...
    def sigmoid(self) -> Self: ...
    def tanh(self) -> Self: ...
    def softmax(self) -> Self: ...
    def scale(self, factors: Sequence[float]) -> Self: ...
    def leak(
        self, factors: Sequence[float], current: Self | None, constants: Sequence[float] | None
    ) -> Self: ...
    def spike(self, threshold: float, compare: str) -> Self: ...
    def squash(self) -> Self: ...
    def straight_through(self, data: Sequence[float], factors: Sequence[float]) -> Self: ...
    def loss(self, loss: Any, target: Any) -> Self: ...
    def item(self) -> float: ...
    def gradient(self) -> list[float]: ...
    def backward(self, seed: float = 1.0) -> None: ...


class Layer(Protocol):
    """One step of a network; `training` is true only between train() and eval()."""

    def forward(self, x: Vector, training: bool) -> Vector: ...


_TAKEN = "is already part of a network; make a new layer for each place"


class Linear:
    """W x + b, with weights drawn evenly from +-gain * sqrt(6 / n_in) (He) and bias 0.

    init="xavier" draws from +-gain * sqrt(6 / (n_in + n_out)), for sigmoid and tanh. A gain of
    1/8 in the last layer keeps RMSE and MSE from killing ReLUs in the first steps. A Linear belongs
    to one place in one network.
    """

    def __init__(self, n_in: int, n_out: int, init: str = "he", gain: float = 1.0) -> None:
        if n_in < 1 or n_out < 1:
            raise UsageError(
                f"Linear({n_in}, {n_out}): a layer needs inputs and outputs; give two sizes from 1"
            )
        if init not in ("he", "xavier"):
            raise UsageError(f"no initialisation {init!r}; use he or xavier")
        if not (math.isfinite(gain) and gain > 0.0):
            raise UsageError(f"the gain is {gain}; use a positive number such as 1")
        self.n_in = n_in
        self.n_out = n_out
        self.init = init
        self.gain = gain
        self._matrix: Parameters | None = None

    def __repr__(self) -> str:
        return f"Linear({self.n_in}, {self.n_out})"

    def forward(self, x: Vector, training: bool) -> Vector:
        return x.affine(self.matrix)

    @property
    def matrix(self) -> Parameters:
        """The weights, in the form that the network's engine gave them."""
        if self._matrix is None:
            raise UsageError(f"{self} is in no network yet; give it to Sequential")
        return self._matrix

    @matrix.setter
    def matrix(self, matrix: Parameters) -> None:
        if self._matrix is not None:
            raise UsageError(f"{self} {_TAKEN}")
        self._matrix = matrix

    @property
    def weight(self) -> list[Row]:
        """A copy of the weights, n_out rows of n_in."""
        return self.matrix.weight()

    @property
    def bias(self) -> Row:
        """A copy of the bias."""
        return self.matrix.bias()

    def load(self, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        """Set weights and bias; the packed engine rounds them to its fixed point."""
        shape = (len(weight), {len(row) for row in weight}, len(bias))
        if shape != (self.n_out, {self.n_in}, self.n_out):
            raise UsageError(
                f"{self} takes {self.n_out} rows of {self.n_in} weights and {self.n_out} biases;"
                " give them in that shape"
            )
        if not all(math.isfinite(w) for row in (*weight, bias) for w in row):
            raise UsageError(
                f"{self} is given weights that are NaN or infinite; load those of a training"
                " that did not diverge"
            )
        self.matrix.load(weight, bias)

    def zeros(self) -> list[Row]:
        """Return weights that are all 0."""
        return [[0.0] * self.n_in for _ in range(self.n_out)]

    def draw(self, rng: Random) -> list[Row]:
        """Return initial weights."""
        fan = self.n_in if self.init == "he" else self.n_in + self.n_out
        bound = self.gain * math.sqrt(6.0 / fan)
        return [
            [bound * (2.0 * rng.random() - 1.0) for _ in range(self.n_in)]
            for _ in range(self.n_out)
        ]


class ReLU:
    """max(x, 0)."""

    def forward(self, x: Vector, training: bool) -> Vector:
        return x.relu()


class LeakyReLU:
    """x where it is positive, slope * x elsewhere."""

    def __init__(self, slope: float = 0.01) -> None:
        if not math.isfinite(slope):
            raise UsageError(f"LeakyReLU({slope}): use a finite slope such as 0.01")
        self.slope = slope

    def forward(self, x: Vector, training: bool) -> Vector:
        return x.leaky_relu(self.slope)


class Sigmoid:
    """1 / (1 + exp(-x))."""

    def forward(self, x: Vector, training: bool) -> Vector:
        return x.sigmoid()


class Tanh:
    """The hyperbolic tangent."""

    def forward(self, x: Vector, training: bool) -> Vector:
        return x.tanh()


class Softmax:
    """Probabilities; as the last layer of a network trained by cross_entropy, see Sequential."""

    def forward(self, x: Vector, training: bool) -> Vector:
        return x.softmax()


class Dropout:
    """In training, each number becomes 0 with the given probability, the others grow to match.

    All of a network draw from its one generator, so a Dropout too belongs to one place in one
    network.
    """

    def __init__(self, probability: float = 0.5) -> None:
        if not 0.0 <= probability < 1.0:
            raise UsageError(f"Dropout({probability}): use a probability of 0 up to below 1")
        self.probability = probability
        self._rng: Random | None = None

    @property
    def rng(self) -> Random:
        """What it draws from, once it is in a network."""
        if self._rng is None:
            raise UsageError("a Dropout is in no network yet; give it to Sequential")
        return self._rng

    @rng.setter
    def rng(self, rng: Random) -> None:
        if self._rng is not None:
            raise UsageError(f"Dropout({self.probability}) {_TAKEN}")
        self._rng = rng

    def forward(self, x: Vector, training: bool) -> Vector:
        if not training or not self.probability:
            return x
        kept = 1.0 / (1.0 - self.probability)
        rng = self.rng
        draws = [rng.random() for _ in x.data]
        return x.scale([0.0 if draw < self.probability else kept for draw in draws])
