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
BINS = 10  # of a margin's size


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


@dataclass(frozen=True)
class Grid:
    """The device's integers: which are legal, and what a unit is worth to the network."""

    low: int
    high: int
    scale: float = 1.0  # the network takes scale * integer
    reach: float = 1.0  # margins of the outputs that rounding can turn: about one output step


def disagreements(
    net: Sequential,
    integer_class: Callable[[list[int]], int],
    rows: Sequence[Sequence[int]],
    grid: Grid,
    seed: int = 0,
    each: int = 48,
    patience: int = 100,
) -> Iterator[tuple[int, ...]]:
    """Yield legal inputs, each once, to which network and export give different classes.

    rows: inputs in the device's integers, such as images. Two of different class are drawn, and
    the line between them is halved on the grid until the class turns between neighbors. There the
    network's gradient tells which moves of two values by one unit bring the margin to where
    rounding decides, and some of these are tried. It ends when `patience` pairs of rows in a row
    gave nothing new.
    """
    rng, found, net = Random(seed), set(), before_softmax(net)
    classes = [_class(net([grid.scale * v for v in row])) for row in rows]
    if len(set(classes)) < 2:
        raise UsageError("all rows have the same class; give rows of at least two classes")
    idle, counts = 0, [[1, 1] for _ in range(2 * BINS)]
    while idle < patience:
        idle += 1
        a, b = rng.randrange(len(rows)), rng.randrange(len(rows))
        if classes[a] == classes[b]:
            continue
        near = _bisect(net, rows[a], rows[b], classes[a], grid)
        for point, place in _moves(net, near, grid, counts, each, rng):
            key = tuple(point)
            if key in found:
                continue
            scores = net([grid.scale * v for v in point])
            differs = _class(scores) != integer_class(point)
            counts[place][0] += differs
            counts[place][1] += 1
            if differs:
                found.add(key)
                idle = 0
                yield key


def _class(scores: Vector) -> int:
    return max(range(len(scores)), key=scores.__getitem__)  # the lowest index wins a tie


def _bisect(
    net: Sequential, first: Sequence[int], last: Sequence[int], wanted: int, grid: Grid
) -> list[int]:
    """Return the last point of the class of `first` on the way to `last`."""
    near, far, best = 0.0, 1.0, list(first)
    for _ in range(BISECTIONS):
        middle = (near + far) / 2.0
        point = [round(a + (b - a) * middle) for a, b in zip(first, last, strict=True)]
        if _class(net([grid.scale * v for v in point])) == wanted:
            near, best = middle, point
        else:
            far = middle
    return best


def _moves(
    net: Sequential,
    near: list[int],
    grid: Grid,
    counts: list[list[int]],
    each: int,
    rng: Random,
) -> list[tuple[list[int], int]]:
    """Return points two unit moves away whose predicted margin is promising, and their bins.

    The margin is the score of the class with the higher number less that of the other, of the two
    best: a tie of integers falls on the lower one.
    """
    pair: list[int] = []

    def pull(scores: Vector) -> Vector:
        pair[:] = sorted(sorted(range(len(scores)), key=scores.__getitem__)[-2:])
        return [float(k == pair[1]) - float(k == pair[0]) for k in range(len(scores))]

    scores, slope = outputs_and_gradient(net, [grid.scale * v for v in near], pull)
    margin = (scores[pair[1]] - scores[pair[0]]) / grid.reach
    unit = grid.scale / grid.reach
    gains = [(i, 1, unit * g) for i, g in enumerate(slope) if near[i] < grid.high]
    gains += [(i, -1, -unit * g) for i, g in enumerate(slope) if near[i] > grid.low]
    best = max(hits / tries for hits, tries in counts)
    points = []
    for _ in range(40 * each):
        (i, up, gain), (j, more, other) = rng.choice(gains), rng.choice(gains)
        predicted = margin + gain + other
        if i == j or not -1.0 < predicted < 1.0:
            continue
        place = int((predicted + 1.0) * BINS)
        hits, tries = counts[place]
        if tries > 20 and hits < 0.8 * best * tries:
            continue  # elsewhere more is found
        point = list(near)
        point[i] += up
        point[j] += more
        points.append((point, place))
        if len(points) == each:
            break
    return points
