"""Weights as scalar nodes, and vectors of scalar nodes with the methods of a vector node."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyexport.scratch.backends import Row, Rule
from pyexport.scratch.engine import Value, as_value, dot
from pyexport.scratch.losses import Loss, Target


class ScalarMatrix:
    """n_out rows of n_in values, and one value of bias a row."""

    def __init__(self, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        self.load(weight, bias)

    def load(self, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        self.rows = [list(map(Value, row)) for row in weight]
        self.offsets = list(map(Value, bias))

    def weight(self) -> list[Row]:
        return [[w.data for w in row] for row in self.rows]

    def bias(self) -> Row:
        return [b.data for b in self.offsets]

    def gradient(self) -> tuple[list[Row], Row]:
        return [[w.grad for w in row] for row in self.rows], [b.grad for b in self.offsets]

    def prepare(self, rate: float) -> None:
        pass  # floats take every step

    def descend(self, rate: float) -> None:
        for row in (*self.rows, self.offsets):
            for w in row:
                w.data -= rate * w.grad
        self.forget()

    def update(self, rule: Rule) -> None:
        for o, row in enumerate((*self.rows, self.offsets)):
            after = rule(o, [w.data for w in row], [w.grad for w in row])
            for w, number in zip(row, after, strict=True):
                w.data = number
        self.forget()

    def forget(self) -> None:
        for row in (*self.rows, self.offsets):
            for w in row:
                w.grad = 0.0


class ScalarVector:
    """A list of values; plain numbers in it are constants."""

    def __init__(self, values: Sequence[Value | float]) -> None:
        self.values = values

    @property
    def data(self) -> list[float]:
        """The numbers without their history."""
        return [as_value(v).data for v in self.values]

    def item(self) -> float:
        """Return the only number of a vector of size 1, such as a loss."""
        (number,) = self.data
        return number

    def gradient(self) -> list[float]:
        """Return the gradients, zero for constants."""
        return [as_value(v).grad for v in self.values]

    def backward(self, seed: float = 1.0) -> None:
        """Pass seed * the derivative of this one number to all that it was computed from."""
        (value,) = self.values
        (as_value(value) * seed).backward()

    def scale(self, factors: Sequence[float]) -> ScalarVector:
        pairs = zip(self.values, factors, strict=True)
        return ScalarVector([v * factor for v, factor in pairs])

    def affine(self, matrix: ScalarMatrix) -> ScalarVector:
        rows = zip(matrix.rows, matrix.offsets, strict=True)
        return ScalarVector([dot(row, self.values, bias) for row, bias in rows])

    def relu(self) -> ScalarVector:
        return self._each(Value.relu)

    def leaky_relu(self, slope: float = 0.01) -> ScalarVector:
        return self._each(lambda v: v.leaky_relu(slope))

    def sigmoid(self) -> ScalarVector:
        return self._each(Value.sigmoid)

    def tanh(self) -> ScalarVector:
        return self._each(Value.tanh)

    def leak(
        self,
        factors: Sequence[float],
        current: ScalarVector | None = None,
        constants: Sequence[float] | None = None,
    ) -> ScalarVector:
        """Return factors * this + current + constants."""
        values = [v * factor for v, factor in zip(self.values, factors, strict=True)]
        terms: list[Sequence[Value | float]] = [] if current is None else [current.values]
        for others in terms if constants is None else [*terms, constants]:
            values = [v + other for v, other in zip(values, others, strict=True)]
        return ScalarVector(values)

    def spike(self, threshold: float, compare: str = "gt") -> ScalarVector:
        return self._each(lambda v: v.spike(threshold, compare))

    def squash(self) -> ScalarVector:
        return self._each(Value.squash)

    def straight_through(self, data: Sequence[float], factors: Sequence[float]) -> ScalarVector:
        triples = zip(self.values, data, factors, strict=True)
        return ScalarVector([as_value(v).straight_through(x, f) for v, x, f in triples])

    def softmax(self) -> ScalarVector:
        highest = max(self.data)
        powers = [(as_value(v) - highest).exp() for v in self.values]
        total = powers[0]
        for power in powers[1:]:
            total = total + power
        return ScalarVector([power / total for power in powers])

    def loss(self, loss: Loss, target: Target) -> ScalarVector:
        """Return the loss of these outputs, a vector of size 1."""
        return ScalarVector([loss.composed(list(map(as_value, self.values)), target)])

    def _each(self, function: Callable[[Value], Value]) -> ScalarVector:
        return ScalarVector([function(as_value(v)) for v in self.values])
