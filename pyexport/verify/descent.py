"""Gradient descent on the input: what a model takes for a class, from any start.

Rows are real and flat; every value stays inside its limits at every step. Rates and weights are
relative to the input's span, so the same ones suit pixels of 0..16 and volts of -2..2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.gradients import Pull, ValueAndGradient
from pyexport.ir import Array, FloatArray

Limits = tuple[FloatArray, FloatArray]  # least and greatest value of each element
Watch = Callable[[int, FloatArray], None]  # steps done, rows

MOST_DOUBLED = 6  # times: 64 rates are a span or more
BETA, BETA_OF_SQUARES, TINY = 0.9, 0.999, 1e-12  # of Adam


class Adam:
    """Kingma and Ba's Adam (arXiv 1412.6980) on rows of inputs; rates are shares of the span."""

    def __init__(self, shape: tuple[int, ...], rate: float, span: FloatArray) -> None:
        self._rate, self._span, self._step = rate, span, 0
        self._mean, self._square = np.zeros(shape), np.zeros(shape)

    def change(self, gradient: FloatArray) -> FloatArray:
        """Return how far a step goes up a gradient, which is worth a whole span."""
        self._step += 1
        self._mean += (1.0 - BETA) * (gradient - self._mean)
        self._square += (1.0 - BETA_OF_SQUARES) * (gradient * gradient - self._square)
        rate = self._rate * np.sqrt(1.0 - BETA_OF_SQUARES**self._step) / (1.0 - BETA**self._step)
        far: FloatArray = rate * self._span * self._mean
        return far / (np.sqrt(self._square) + TINY)

    def keep(self, rows: Array) -> None:
        """Go on with some of the rows."""
        self._mean, self._square = self._mean[rows], self._square[rows]


class Momentum:
    """Steps along the mean of gradients brought to one length (Dong et al., arXiv 1710.06081).

    A row that is already of its class moves on as fast as one that is not, so few steps bring all
    rows far into it. Lengths are root mean squares over the values of a row.
    """

    def __init__(self, shape: tuple[int, ...], rate: float, span: FloatArray) -> None:
        self._rate, self._span, self._velocity = rate, span, np.zeros(shape)

    def change(self, gradient: FloatArray) -> FloatArray:
        """Return how far a step goes up a gradient, which is worth a whole span."""
        largest = np.abs(gradient).max(axis=1, keepdims=True, initial=0.0)
        largest[largest == 0.0] = 1.0
        scaled = gradient / largest  # or the squares of a faint one would vanish
        length = np.sqrt(np.square(scaled).mean(axis=1, keepdims=True))
        self._velocity *= BETA
        self._velocity += scaled / np.maximum(length, TINY)
        far: FloatArray = self._rate * self._span * self._velocity
        return far

    def keep(self, rows: Array) -> None:
        """Go on with some of the rows."""
        self._velocity = self._velocity[rows]


Rule = Adam | Momentum
RULES: dict[str, type[Rule]] = {"adam": Adam, "momentum": Momentum}


@dataclass(frozen=True)
class Descent:
    """How inputs are changed."""

    steps: int = 120
    rate: float = 0.02  # of a step, as a share of the span
    keep_near: float = 0.0  # weight of the squared distance from the start, in spans
    rule: str = "adam"  # one of RULES: how a gradient becomes a step
    enough: float = 1.0  # a row stops when its class is more probable,
    least: int = 0  # but not before so many steps

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UsageError(f"no rule of descent {self.rule!r}; take one of {', '.join(RULES)}")
        if self.steps < 0:
            raise UsageError(f"{self.steps} steps were asked for; ask for 0 or more")
        if not (0.0 <= self.enough <= 1.0 and self.least >= 0):
            raise UsageError("a probability that is enough is 0..1, and the least steps 0 or more")
        if not (0.0 < self.rate < np.inf and 0.0 <= self.keep_near < np.inf):
            raise UsageError("the rate must be above 0, the weight of the distance 0 or more")


def descend(
    model: ValueAndGradient,
    starts: FloatArray,
    targets: Array,
    limits: Limits,
    options: Descent | None = None,
    watch: Watch | None = None,
    keep_near: FloatArray | None = None,
) -> FloatArray:
    """Return rows (n, size) that the model gives the target classes (n,), as far as it went.

    It goes down cross entropy + keep_near * |(x - start) / span|^2; keep_near (n,) replaces the
    options' one. Where a row has no slope at all, as a black picture that leaves a whole layer of
    ReLUs at zero, it moves by drawn steps that double, until there is one. `watch` sees the rows
    after every step, and before the first.
    """
    chosen, (low, high) = options or Descent(), limits
    weight = np.full(len(starts), chosen.keep_near) if keep_near is None else keep_near
    span = np.where(high > low, high - low, 1.0)
    pull = cross_entropy_gradient(targets)
    rows = np.clip(np.asarray(starts, dtype=np.float64), low, high)
    rule = RULES[chosen.rule](rows.shape, chosen.rate, span)
    flat, going = np.zeros(len(rows), dtype=np.int64), np.arange(len(rows))
    if watch is not None:
        watch(0, rows)
    for step in range(1, chosen.steps + 1):
        if not len(going):
            if watch is not None:
                watch(step, rows)
            continue
        outputs, gradient = model(rows[going], pull)
        if step > chosen.least and chosen.enough < 1.0:
            on = _probability(outputs, targets[going]) <= chosen.enough
            going, flat, outputs, gradient = going[on], flat[on], outputs[on], gradient[on]
            rule.keep(on)
            pull = cross_entropy_gradient(targets[going])
        # a row that is surely of its class has no slope either: nothing pulls at its outputs
        lost = ~gradient.any(axis=1) & pull(outputs).any(axis=1)
        flat = np.where(lost, flat + 1, 0)
        gradient = gradient * span  # what a whole span is worth
        if weight.any():
            gradient += 2.0 * weight[going, None] * (rows - starts)[going] / span
        change = rule.change(gradient)
        if lost.any():
            change[lost] = _drawn(flat[lost], step, chosen.rate, span)
        rows = rows.copy()  # what was watched stays as it was
        rows[going] = np.clip(rows[going] - change, low, high)
        if watch is not None:
            watch(step, rows)
    return rows


def _probability(outputs: FloatArray, targets: Array) -> FloatArray:
    """Return the softmax of each row's target."""
    above = outputs - outputs[np.arange(len(outputs)), targets][:, None]
    probability: FloatArray = 1.0 / np.exp(np.minimum(above, 700.0)).sum(axis=1)
    return probability


def _drawn(flat: Array, step: int, rate: float, span: FloatArray) -> FloatArray:
    """Return moves of rows that have had no slope for `flat` steps (n,), the same in any batch."""
    generator = np.random.Generator(np.random.PCG64([step, 16]))
    length = rate * np.exp2(np.minimum(flat - 1, MOST_DOUBLED))
    moves: FloatArray = length[:, None] * span * generator.normal(size=len(span))
    return moves


def cross_entropy_gradient(targets: Array) -> Pull:
    """Return the derivative of cross entropy on the outputs: softmax - one-hot."""

    def pull(outputs: FloatArray) -> FloatArray:
        shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        gradient: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
        row = np.arange(len(outputs))
        gradient[row, targets] = 0.0  # not p - 1, which is 0 long before the others vanish
        gradient[row, targets] = -gradient.sum(axis=1)
        return gradient

    return pull


def noise(count: int, limits: Limits, seed: int) -> FloatArray:
    """Return rows drawn evenly between the limits."""
    low, high = limits
    generator = np.random.Generator(np.random.PCG64([seed, 5]))
    return low + generator.random((count, len(low))) * (high - low)
