"""The scalar engine: a number that remembers how it was computed, and differentiates itself.

It is meant to be read, and to check the faster engines. Beside each operation stands its
derivative: `pull(g)` receives g, the derivative of the result with respect to this node, and adds
to each parent's `grad` its share. A pull holds the parents but never its own node, so a graph has
no reference cycles and is freed as soon as it is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch.graph import topological_order

Pull = Callable[[float], None]


class Value:
    """A float with a gradient; `parents` are the values that it was computed from."""

    __slots__ = ("data", "grad", "op", "parents", "pull")

    def __init__(
        self,
        data: float,
        parents: tuple[Value, ...] = (),
        pull: Pull | None = None,
        op: str = "",
    ) -> None:
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.pull = pull
        self.op = op  # what made it, for pictures

    def __repr__(self) -> str:
        return f"Value(data={self.data!r}, grad={self.grad!r})"

    def backward(self) -> None:
        """Add to the grad of every leaf the derivative of this value with respect to it."""
        order = topological_order(self)
        for node in order:
            if node.pull:
                node.grad = 0.0  # only leaves keep what an earlier call left
        self.grad = 1.0
        for node in reversed(order):
            if node.pull:
                node.pull(node.grad)

    def __add__(self, other: Value | float) -> Value:
        right = as_value(other)

        def pull(g: float) -> None:
            self.grad += g
            right.grad += g

        return Value(self.data + right.data, (self, right), pull, "+")

    def __mul__(self, other: Value | float) -> Value:
        right = as_value(other)

        def pull(g: float) -> None:
            self.grad += g * right.data
            right.grad += g * self.data

        return Value(self.data * right.data, (self, right), pull, "*")

    def __pow__(self, exponent: float) -> Value:
        if isinstance(exponent, Value):
            raise UsageError(_EXPONENT)

        def pull(g: float) -> None:
            if exponent:  # the derivative of x**0 is 0, at x = 0 too
                self.grad += g * exponent * _power(self.data, exponent - 1)

        return Value(_power(self.data, exponent), (self,), pull, f"**{exponent}")

    def __neg__(self) -> Value:
        def pull(g: float) -> None:
            self.grad -= g

        return Value(-self.data, (self,), pull, "neg")

    def __sub__(self, other: Value | float) -> Value:
        right = as_value(other)

        def pull(g: float) -> None:
            self.grad += g
            right.grad -= g

        return Value(self.data - right.data, (self, right), pull, "-")

    def __truediv__(self, other: Value | float) -> Value:
        right = as_value(other)
        if not right.data:
            raise InvalidModelError("a value is divided by zero; keep the divisor away from it")
        quotient = _quotient(self.data, right.data)

        def pull(g: float) -> None:
            self.grad += _quotient(g, right.data)
            right.grad -= _quotient(g * quotient, right.data)

        return Value(quotient, (self, right), pull, "/")

    def exp(self) -> Value:
        try:
            power = math.exp(self.data)
        except OverflowError:
            raise InvalidModelError(
                f"exp({self.data!r}) exceeds the largest float; scale the network's outputs down"
            ) from None

        def pull(g: float) -> None:
            self.grad += g * power

        return Value(power, (self,), pull, "exp")

    def log(self) -> Value:
        if self.data <= 0.0:
            raise InvalidModelError(
                f"log({self.data!r}): only positive values have a logarithm; take it of a"
                " probability or an exp, or add a small number first"
            )

        def pull(g: float) -> None:
            self.grad += g / self.data

        return Value(math.log(self.data), (self,), pull, "log")

    def tanh(self) -> Value:
        t = math.tanh(self.data)

        def pull(g: float) -> None:
            self.grad += g * (1.0 - t * t)

        return Value(t, (self,), pull, "tanh")

    def sigmoid(self) -> Value:
        s = sigmoid(self.data)

        def pull(g: float) -> None:
            self.grad += g * s * (1.0 - s)

        return Value(s, (self,), pull, "sigmoid")

    def relu(self) -> Value:
        def pull(g: float) -> None:
            if self.data > 0.0:
                self.grad += g

        return Value(max(self.data, 0.0), (self,), pull, "relu")

    def leaky_relu(self, slope: float = 0.01) -> Value:
        def pull(g: float) -> None:
            self.grad += g if self.data > 0.0 else g * slope

        data = self.data if self.data > 0.0 else self.data * slope
        return Value(data, (self,), pull, "leaky relu")

    def spike(self, threshold: float, compare: str = "gt") -> Value:
        """Return 1 above the threshold ("ge": from it on), else 0.

        It has the derivative of an arctangent; that of a step says nothing.
        """
        over = self.data - threshold

        def pull(g: float) -> None:
            self.grad += g * surrogate(over)

        fired = over >= 0.0 if compare == "ge" else over > 0.0
        return Value(float(fired), (self,), pull, "spike")

    def squash(self) -> Value:
        """Return x / (2 + 2 |x|) + 1/2, a number in 0..1 that grows with x."""
        width = 1.0 + abs(self.data)

        def pull(g: float) -> None:
            self.grad += g / (2.0 * width**2)

        return Value(0.5 + 0.5 * self.data / width, (self,), pull, "squash")

    def straight_through(self, data: float, factor: float) -> Value:
        """Return data, with the derivative that factor * this would have."""

        def pull(g: float) -> None:
            self.grad += g * factor

        return Value(data, (self,), pull, "straight through")

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __rpow__(self, base: float) -> Value:
        raise UsageError(_EXPONENT)

    def __rsub__(self, other: float) -> Value:
        return as_value(other) - self

    def __rtruediv__(self, other: float) -> Value:
        return as_value(other) / self


def dot(weights: Sequence[Value], inputs: Sequence[Value | float], bias: Value) -> Value:
    """Return bias + sum of weights * inputs as one node: a whole neuron.

    Inputs that are zero cost nothing, inputs that are plain numbers get no gradient.
    """
    variables = [(w, x) for w, x in zip(weights, inputs, strict=True) if isinstance(x, Value)]
    constants = [
        (w, x) for w, x in zip(weights, inputs, strict=True) if not isinstance(x, Value) and x
    ]

    def pull(g: float) -> None:
        bias.grad += g
        for w, x in constants:
            w.grad += g * x
        for w, v in variables:
            w.grad += g * v.data
            v.grad += g * w.data

    products = [w.data * x for w, x in constants] + [w.data * v.data for w, v in variables]
    parents = (bias, *(w for w, _ in constants), *(node for pair in variables for node in pair))
    return Value(math.fsum((bias.data, *products)), parents, pull, "dot")


def as_value(number: Value | float) -> Value:
    """Return the number as a node of the graph."""
    return number if isinstance(number, Value) else Value(number)


_EXPONENT = (
    "an exponent must be a plain number, not a Value; for a**b of two values write"
    " (b * a.log()).exp()"
)


def _power(base: float, exponent: float) -> float:
    try:
        power = float(base**exponent)
    except (ArithmeticError, TypeError):  # a TypeError: the result is complex
        power = math.nan
    if not math.isfinite(power):
        raise InvalidModelError(
            f"{base!r}**{exponent!r} is no finite real number; lower the learning rate,"
            " or keep the base away from it"
        )
    return power


def _quotient(number: float, divisor: float) -> float:
    quotient = number / divisor
    if not math.isfinite(quotient):  # Python raises for a divisor of 0, but not for 1e-320
        raise InvalidModelError(
            f"{number!r} / {divisor!r} is no finite number; lower the learning rate,"
            " or keep the divisor away from zero"
        )
    return quotient


def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x)), without overflow at either end."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    power = math.exp(x)
    return power / (1.0 + power)


def surrogate(over: float) -> float:
    """Return what stands for the derivative of a spike: 1 / (1 + (pi * over)**2).

    over: how far the membrane is above its threshold
    """
    return 1.0 / (1.0 + (math.pi * over) ** 2)
