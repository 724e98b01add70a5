"""What the graph asks of a weight matrix with its bias, and the engines that answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Row = list[float]
Rule = Callable[[int, Row, Row], Row]  # (number of the row, values, gradient) -> new values
E = TypeVar("E")


class Parameters(Protocol):
    """Weights (n_out rows of n_in) and a bias, with the gradient that was last collected."""

    def weight(self) -> list[Row]:
        """Return a copy of the weights."""
        ...

    def bias(self) -> Row:
        """Return a copy of the bias."""
        ...

    def load(self, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
        """Set weights and bias."""
        ...

    def gradient(self) -> tuple[list[Row], Row]:
        """Return the gradients of weights and bias collected since the last step."""
        ...

    def prepare(self, rate: float) -> None:
        """Raise InvalidModelError if descend(rate) would, and change nothing."""
        ...

    def descend(self, rate: float) -> None:
        """Subtract rate * gradient, and forget the gradient."""
        ...

    def update(self, rule: Rule) -> None:
        """Replace every row of weights, then the bias (row n_out), and forget the gradient."""
        ...

    def forget(self) -> None:
        """Forget the gradient."""
        ...


class Matrix(Parameters, Protocol[E]):
    """The same for vectors: three products, and a form E of input vectors without the zeros."""

    def encode(self, x: Sequence[float]) -> E:
        """Return the vector in the form that mv and outer take."""
        ...

    def mv(self, x: E) -> Row:
        """Return W x + b."""
        ...

    def tmv(self, g: Sequence[float]) -> Row:
        """Return W^T g."""
        ...

    def outer(self, x: E, g: Sequence[float]) -> None:
        """Add g x^T to the gradient of the weights, and g to that of the bias."""
        ...
