"""Searches the inputs of a network on the standard library alone: wanted classes, disagreements."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from pyexport.errors import UsageError
from pyexport.scratch.engine import Value
from pyexport.scratch.layers import Softmax
from pyexport.scratch.losses import Loss, Target, cross_entropy
from pyexport.scratch.nn import Sequential

Vector = Sequence[float]
Pull = Callable[[Vector], Vector]  # outputs to the derivative of what is sought on each of them
BETA, BETA_OF_SQUARES, TINY = 0.9, 0.999, 1e-12  # of Adam
BISECTIONS = 12


def before_softmax(net: Sequential) -> Sequential:
    """Return the network without a last softmax: the same class, and gradients that never vanish.

    The weights are shared with the network itself.
    """
    if not isinstance(net.layers[-1], Softmax):
        return net
    shorter = copy.copy(net)
    shorter.layers = net.layers[:-1]
    return shorter


def outputs_and_gradient(net: Sequential, x: Vector, pull: Pull) -> tuple[list[float], list[float]]:
    """Return the outputs, and the gradient of sum(pull(outputs) * outputs) on the input.

    pull's result counts as constant, so that pull may be the derivative of any loss.
    """
    seen: list[float] = []

    def fused(outputs: Sequence[float], _: Target) -> tuple[float, list[float]]:
        seen[:] = outputs
        return 0.0, list(pull(outputs))  # a value below 0 would count as trained enough

    def composed(outputs: Sequence[Value], _: Target) -> Value:
        seen[:] = [y.data for y in outputs]
        total = Value(0.0)
        for factor, y in zip(pull(seen), outputs, strict=True):
            total = total + y * factor
        return total - total.data

    _, gradient = net.value_and_gradient(x, loss=Loss("pull", fused, composed), target=0)
    return seen, gradient


@dataclass(frozen=True)
class Descent:
    """How an input is changed until the network sees the wanted class in it."""

    steps: int = 120
    rate: float = 0.3  # of Adam, in units of the input
    keep_near: float = 0.0  # weight of the squared distance from the start

    def __post_init__(self) -> None:
        if self.steps < 0 or not (0.0 < self.rate < math.inf):
            raise UsageError("a descent takes 0 steps or more, at a positive rate")


def descend(
    net: Sequential,
    start: Vector,
    target: int,
    limits: tuple[float, float],
    options: Descent | None = None,
) -> list[float]:
    """Return an input near a descent's end where the network sees the target class.

    Adam on the input goes down cross entropy + keep_near * |x - start|^2; after every step each
    value is clamped to the limits (least, greatest).
    """
    chosen, (low, high) = options or Descent(), limits
    net = before_softmax(net)
    x, origin = [min(max(float(v), low), high) for v in start], list(start)
    mean, square = [0.0] * len(x), [0.0] * len(x)
    for step in range(1, chosen.steps + 1):
        _, gradient = outputs_and_gradient(net, x, lambda y: cross_entropy(y, target)[1])
        rate = chosen.rate * math.sqrt(1.0 - BETA_OF_SQUARES**step) / (1.0 - BETA**step)
        for i, g in enumerate(gradient):
            g += 2.0 * chosen.keep_near * (x[i] - origin[i])
            mean[i] += (1.0 - BETA) * (g - mean[i])
            square[i] += (1.0 - BETA_OF_SQUARES) * (g * g - square[i])
            moved = x[i] - rate * mean[i] / (math.sqrt(square[i]) + TINY)
            x[i] = min(max(moved, low), high)
    return x


def disagreements(
    float_class: Callable[[list[int]], int],
    integer_class: Callable[[list[int]], int],
    rows: Sequence[Sequence[int]],
    seed: int = 0,
    patience: int = 1_000,
) -> Iterator[tuple[int, ...]]:
    """Yield legal inputs, each once, on which two models give different classes.

    It ends when `patience` pairs of rows in a row gave none that is new.

    rows: inputs in the device's integers, such as images. Two whose float class differs are drawn,
    and the line between them is halved on the integer grid until the float class turns between
    neighbors: there rounding decides, and both neighbors are tried.
    """
    rng, found = Random(seed), set()
    if len({float_class(list(row)) for row in rows}) < 2:
        raise UsageError("all rows have the same class; give rows of at least two classes")
    idle = 0
    while idle < patience:
        idle += 1
        first, last = rng.choice(rows), rng.choice(rows)
        wanted = float_class(list(first))
        if float_class(list(last)) == wanted:
            continue
        near, far = 0.0, 1.0
        ends = list(first), list(last)
        for _ in range(BISECTIONS):
            middle = (near + far) / 2.0
            point = [round(a + (b - a) * middle) for a, b in zip(first, last, strict=True)]
            if float_class(point) == wanted:
                near, ends = middle, (point, ends[1])
            else:
                far, ends = middle, (ends[0], point)
        for point in ends:
            key = tuple(point)
            if key not in found and float_class(point) != integer_class(point):
                found.add(key)
                idle = 0
                yield key
