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
from pyexport.scratch.engine import sigmoid, surrogate
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

    def leak(
        self,
        factors: Vector,
        current: Node | None = None,
        constants: Vector | None = None,
    ) -> Node:
        """Return factors * this + current + constants: how a membrane goes on."""
        data = list(map(mul, factors, self.data))
        if current is not None:
            data = list(map(add, data, current.data))
        if constants is not None:
            data = list(map(add, data, constants))

        def pull(g: Vector) -> None:
            if self.tracked:
                self.receive(list(map(mul, g, factors)))
            if current is not None and current.tracked:
                current.receive(g)

        parents = tuple(p for p in (self, current) if p is not None and p.tracked)
        return Node(data, parents, pull if parents else None, "leak", tracked=bool(parents))

    def spike(self, threshold: float, compare: str = "gt") -> Node:
        """Return 1 where this is above the threshold ("ge": reaches it); see Value.spike."""
        over = [u - threshold for u in self.data]

        def pull(g: Vector) -> None:
            self.receive([gi * surrogate(ui) for gi, ui in zip(g, over, strict=True)])

        fired = [float(u >= 0.0 if compare == "ge" else u > 0.0) for u in over]
        return self._result(fired, pull, "spike")

    def squash(self) -> Node:
        """Return x / (2 + 2 |x|) + 1/2, a number in 0..1 that grows with x."""
        x = self.data

        def pull(g: Vector) -> None:
            self.receive([gi / (2.0 * (1.0 + abs(xi)) ** 2) for gi, xi in zip(g, x, strict=True)])

        return self._result([0.5 + 0.5 * xi / (1.0 + abs(xi)) for xi in x], pull, "squash")

    def straight_through(self, data: Vector, factors: Vector) -> Node:
        """Return data, with the derivative that factors * this would have."""

        def pull(g: Vector) -> None:
            self.receive(list(map(mul, g, factors)))

        return self._result(list(data), pull, "straight through")

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
