"""Optimizers: how gradients change weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from pyexport.errors import UsageError
from pyexport.scratch.backends import Parameters, Row
from pyexport.scratch.schedules import Schedule, constant


class Optimizer(Protocol):
    """Changes parameters by their gradients, which are forgotten afterwards."""

    def step(self, layers: Sequence[Parameters]) -> None: ...


class _Owner:
    """The layers that an optimizer trains: what it remembers of them fits no others."""

    def __init__(self) -> None:
        self._layers: list[Parameters] | None = None

    def check(self, layers: Sequence[Parameters]) -> None:
        """Refuse other layers than those of the first step."""
        if self._layers is not None and self._layers != list(layers):
            raise UsageError(
                "this optimizer trains another network already, and remembers its steps;"
                " make an optimizer for each network"
            )

    def take(self, layers: Sequence[Parameters]) -> None:
        """Note the layers of a step that nothing refused."""
        self._layers = list(layers)


class SGD:
    """Stochastic gradient descent, of one network.

    With v = momentum * v + (gradient + weight_decay * w), w becomes w - rate * v, as in PyTorch.
    """

    def __init__(
        self, lr: float | Schedule, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        if not 0.0 <= momentum < 1.0:
            raise UsageError(f"momentum is {momentum}; use 0 up to below 1")
        if not (math.isfinite(weight_decay) and weight_decay >= 0.0):
            raise UsageError(f"weight_decay is {weight_decay}; use 0 or a positive number")
        self.schedule = as_schedule(lr)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.steps = 0
        self._owner = _Owner()
        self._velocity: dict[tuple[int, int], Row] = {}  # by layer and row

    def step(self, layers: Sequence[Parameters]) -> None:
        """Change the parameters of all the layers of one network."""
        self._owner.check(layers)
        rate = rate_at(self.schedule, self.steps)
        if self.momentum or self.weight_decay:
            for k, layer in enumerate(layers):
                layer.update(partial(self._updated, rate, k))
        else:
            for layer in layers:
                layer.prepare(rate)  # all of them before the first changes: now none refuses
        self._owner.take(layers)
        self.steps += 1
        if not (self.momentum or self.weight_decay):
            _descend(layers, rate)

    def _updated(self, rate: float, layer: int, row: int, w: Row, g: Row) -> Row:
        key = layer, row
        decay, momentum = self.weight_decay, self.momentum
        old = self._velocity.get(key) or [0.0] * len(w)
        velocity = [momentum * vi + (gi + decay * wi) for vi, gi, wi in zip(old, g, w, strict=True)]
        self._velocity[key] = velocity
        return [wi - rate * vi for wi, vi in zip(w, velocity, strict=True)]


class Adam:
    """Adam: steps scaled by running means of the gradient and of its square, as in PyTorch.

    It trains one network.
    """

    def __init__(
        self,
        lr: float | Schedule = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        if not all(0.0 <= beta < 1.0 for beta in betas):
            raise UsageError(f"betas are {betas}; use 0 up to below 1")
        if not (math.isfinite(epsilon) and epsilon > 0.0):
            raise UsageError(f"epsilon is {epsilon}; use a positive number such as 1e-8")
        self.schedule = as_schedule(lr)
        self.betas = betas
        self.epsilon = epsilon
        self.steps = 0
        self._owner = _Owner()
        self._means: dict[tuple[int, int], tuple[Row, Row]] = {}  # by layer and row

    def step(self, layers: Sequence[Parameters]) -> None:
        """Change the parameters of all the layers of one network."""
        self._owner.check(layers)
        rate = rate_at(self.schedule, self.steps)
        for k, layer in enumerate(layers):
            layer.update(partial(self._updated, rate, k))
        self._owner.take(layers)
        self.steps += 1

    def _updated(self, rate: float, layer: int, row: int, w: Row, g: Row) -> Row:
        key = layer, row
        first, second = self.betas
        zeros = [0.0] * len(w)
        means, squares = self._means.get(key) or (zeros, zeros)
        means = [first * m + (1.0 - first) * gi for m, gi in zip(means, g, strict=True)]
        squares = [second * s + (1.0 - second) * gi * gi for s, gi in zip(squares, g, strict=True)]
        self._means[key] = means, squares
        # The means start at zero; these two make up for it.
        steps = self.steps + 1  # with this one
        rate /= 1.0 - first**steps
        correction = 1.0 - second**steps
        return [
            wi - rate * m / (math.sqrt(s / correction) + self.epsilon)
            for wi, m, s in zip(w, means, squares, strict=True)
        ]


def _descend(layers: Sequence[Parameters], rate: float) -> None:
    """Step in all layers, also where the user made an error of the warning of one of them."""
    warned: Warning | None = None
    for layer in layers:
        try:
            layer.descend(rate)
        except Warning as warning:
            warned = warned or warning
    if warned:
        raise warned


def rate_at(schedule: Schedule, step: int) -> float:
    """Return the learning rate of a step; refuses one that is negative, NaN or infinite."""
    rate = schedule(step)
    if not (math.isfinite(rate) and rate >= 0.0):
        raise UsageError(f"the learning rate of step {step} is {rate}; use 0 or a positive number")
    return rate


def as_schedule(lr: float | Schedule) -> Schedule:
    """Return the learning rate as a schedule."""
    if callable(lr):
        return lr
    if not (math.isfinite(lr) and lr > 0.0):
        raise UsageError(f"the learning rate is {lr}; use a positive number such as 0.01")
    return constant(lr)
