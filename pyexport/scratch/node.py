"""The vector graph: the scalar engine's idea with a whole vector in each node.

`pull(g)` receives the derivative of the loss with respect to the node, one number an element, and
passes to each parent its share. Lists given to `receive` are shared and never changed in place.
Matrices stay outside of the graph, behind the interface of pyexport.scratch.backends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import add, mul
from typing import Any

from pyexport.scratch.backends import Matrix
from pyexport.scratch.engine import sigmoid
from pyexport.scratch.graph import topological_order
from pyexport.scratch.losses import Loss, Target, softmax

Vector = Sequence[float]
Pull = Callable[[Vector], None]


class Node:
    """A vector with a gradient; untracked ones (inputs) neither receive nor pass gradients on."""

    __slots__ = ("data", "grad", "op", "parents", "pull", "tracked")

    def __init__(
        self,
        data: Vector,
        parents: tuple[Node, ...] = (),
        pull: Pull | None = None,
        op: str = "",
        tracked: bool = True,
    ) -> None:
        self.data = data
        self.grad: Vector | None = None
        self.parents = parents
        self.pull = pull
        self.op = op
        self.tracked = tracked

    def receive(self, share: Vector) -> None:
        """Add a share to the gradient."""
        self.grad = share if self.grad is None else list(map(add, self.grad, share))

    def backward(self, seed: float = 1.0) -> None:
        """Pass seed * the derivative of this one number to all that it was computed from."""
        order = topological_order(self)
        for node in order:
            if node.pull:
                node.grad = None
        self.grad = [seed]
        for node in reversed(order):
            if node.pull and node.grad is not None:
                node.pull(node.grad)

    def item(self) -> float:
        """Return the only number of a node of size 1, such as a loss."""
        (number,) = self.data
        return number

    def gradient(self) -> list[float]:
        """Return the derivative of the loss with respect to this node, zeros if none came."""
        return [0.0] * len(self.data) if self.grad is None else list(self.grad)

    def scale(self, factors: Vector) -> Node:
        """Return the element-wise product with constants: dropout, for one."""

        def pull(g: Vector) -> None:
            self.receive(list(map(mul, g, factors)))

        return self._result(list(map(mul, self.data, factors)), pull, "scale")

    def affine(self, matrix: Matrix[Any]) -> Node:
        """Return W x + b; dx = W^T g, dW = g x^T (kept as the pair x, g), db = g."""
        tracked = self.tracked
        x = matrix.encode(self.data)

        def pull(g: Vector) -> None:
            matrix.outer(x, g)
            if tracked:
                self.receive(matrix.tmv(g))

        return Node(matrix.mv(x), (self,) if tracked else (), pull, "affine")

    def relu(self) -> Node:
        x = self.data

        def pull(g: Vector) -> None:
            self.receive([gi if xi > 0.0 else 0.0 for gi, xi in zip(g, x, strict=True)])

        # This way around NaN stays NaN, for the loss to refuse.
        return self._result([0.0 if xi <= 0.0 else xi for xi in x], pull, "relu")

    def leaky_relu(self, slope: float = 0.01) -> Node:
        x = self.data

        def pull(g: Vector) -> None:
            self.receive([gi if xi > 0.0 else gi * slope for gi, xi in zip(g, x, strict=True)])

        return self._result([xi if xi > 0.0 else xi * slope for xi in x], pull, "leaky relu")

    def sigmoid(self) -> Node:
        s = list(map(sigmoid, self.data))

        def pull(g: Vector) -> None:
            self.receive([gi * si * (1.0 - si) for gi, si in zip(g, s, strict=True)])

        return self._result(s, pull, "sigmoid")

    def tanh(self) -> Node:
        t = list(map(math.tanh, self.data))

        def pull(g: Vector) -> None:
            self.receive([gi * (1.0 - ti * ti) for gi, ti in zip(g, t, strict=True)])

        return self._result(t, pull, "tanh")

    def softmax(self) -> Node:
        p, _ = softmax(self.data)

        def pull(g: Vector) -> None:
            mean = math.fsum(map(mul, g, p))
            self.receive([pi * (gi - mean) for gi, pi in zip(g, p, strict=True)])

        return self._result(p, pull, "softmax")

    def loss(self, loss: Loss, target: Target) -> Node:
        """Return the loss of these outputs, a node of size 1."""
        value, derivative = loss.fused(self.data, target)

        def pull(g: Vector) -> None:
            (seed,) = g
            self.receive(derivative if seed == 1.0 else [seed * d for d in derivative])

        return self._result([value], pull, loss.name)

    def _result(self, data: list[float], pull: Pull, op: str) -> Node:
        """Return a node computed from this one alone."""
        if self.tracked:
            return Node(data, (self,), pull, op)
        return Node(data, op=op, tracked=False)
