"""Recurrent layers over a whole sequence; one step of a stream is a sequence of length 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Array, Op, freeze, require


@dataclass(frozen=True, eq=False)
class Lstm(Op):
    """Inputs x (steps, n_in), h (n,), c (n,); outputs all h (steps, n), the last h and c (n,).

    Each step: i, f, g, o = weight_input @ x + weight_hidden @ h + bias, n rows each, in this order;
    c = sigmoid(f) * c + sigmoid(i) * tanh(g); h = sigmoid(o) * tanh(c).
    """

    kind: ClassVar[str] = "lstm"
    weight_input: Array  # (4 * n, n_in), float
    weight_hidden: Array  # (4 * n, n), float
    bias: Array  # (4 * n,), float: of the input and the hidden side together

    def __post_init__(self) -> None:
        freeze(self, "weight_input", "weight_hidden", "bias")
        _check_gates(self.kind, 4, self.weight_input, self.weight_hidden, self.bias)

    @property
    def size(self) -> int:
        """Number of hidden values n."""
        return int(self.weight_hidden.shape[1])


@dataclass(frozen=True, eq=False)
class Gru(Op):
    """Inputs x (steps, n_in), h (n,); outputs all h (steps, n) and the last one (n,).

    Rows of weights and biases: r, z, m, n each, in this order. Each step, with a = weight_input @ x
    + bias_input and b = weight_hidden @ h + bias_hidden: r = sigmoid(a_r + b_r), z = sigmoid(a_z +
    b_z), m = tanh(a_m + r * b_m), h = (1 - z) * m + z * h.
    """

    kind: ClassVar[str] = "gru"
    weight_input: Array  # (3 * n, n_in), float
    weight_hidden: Array  # (3 * n, n), float
    bias_input: Array  # (3 * n,), float
    bias_hidden: Array  # (3 * n,), float

    def __post_init__(self) -> None:
        freeze(self, "weight_input", "weight_hidden", "bias_input", "bias_hidden")
        _check_gates(self.kind, 3, self.weight_input, self.weight_hidden, self.bias_input)
        require(self.bias_hidden.shape == self.bias_input.shape, "gru: biases of two shapes")

    @property
    def size(self) -> int:
        """Number of hidden values n."""
        return int(self.weight_hidden.shape[1])


def _check_gates(kind: str, gates: int, inputs: Array, hidden: Array, bias: Array) -> None:
    shapes = f"{kind}: weights {inputs.shape} and {hidden.shape}, bias {bias.shape}"
    require(inputs.ndim == 2 and hidden.ndim == 2 and hidden.shape[1] >= 1, shapes)
    rows = gates * hidden.shape[1]
    require(inputs.shape[0] == hidden.shape[0] == rows and bias.shape == (rows,), shapes)
