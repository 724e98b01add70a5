"""Losses: each fused (value and derivative from floats) and composed of scalar nodes.

The vector engines use the fused form; the scalar engine the composed one, so that one checks the
other. A target is the number of a class, or one number an output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch.engine import Value

Target = int | Sequence[float]


@dataclass(frozen=True)
class Loss:
    """A loss in both forms."""

    name: str
    fused: Callable[[Sequence[float], Target], tuple[float, list[float]]]  # loss, its gradient
    composed: Callable[[Sequence[Value], Target], Value]


def mse(outputs: Sequence[float], target: Target) -> tuple[float, list[float]]:
    """Return the mean squared error; its derivative is 2 (y - t) / n."""
    n = len(outputs)
    errors = [y - t for y, t in zip(outputs, wanted_outputs(target, n), strict=True)]
    return math.fsum(e * e for e in errors) / n, [2.0 * e / n for e in errors]


def mse_of_values(outputs: Sequence[Value], target: Target) -> Value:
    """Return the mean squared error."""
    wanted = wanted_outputs(target, len(outputs))
    return _total([(y - t) ** 2 for y, t in zip(outputs, wanted, strict=True)]) / len(outputs)


def rmse(outputs: Sequence[float], target: Target) -> tuple[float, list[float]]:
    """Return the root of the mean squared error; its derivative is (y - t) / (n * rmse).

    Where every output is right the root has no derivative: 0 stands for it.
    """
    squared, gradient = mse(outputs, target)
    root = math.sqrt(squared)
    return root, [g / (2.0 * root) for g in gradient] if root else gradient


def rmse_of_values(outputs: Sequence[Value], target: Target) -> Value:
    """Return the root of the mean squared error."""
    squared = mse_of_values(outputs, target)
    return squared**0.5 if squared.data else squared


def cross_entropy(outputs: Sequence[float], target: Target) -> tuple[float, list[float]]:
    """Return -log softmax(y)[target]; its derivative is softmax(y) - onehot(target)."""
    label = wanted_class(target, len(outputs))
    probabilities, log_total = softmax(outputs)
    loss = log_total - outputs[label]
    probabilities[label] -= 1.0
    return loss, probabilities


def cross_entropy_of_values(outputs: Sequence[Value], target: Target) -> Value:
    """Return -log softmax(y)[target]."""
    label = wanted_class(target, len(outputs))
    highest = max(y.data for y in outputs)
    return _total([(y - highest).exp() for y in outputs]).log() - (outputs[label] - highest)


def hinge(outputs: Sequence[float], target: Target) -> tuple[float, list[float]]:
    """Return the hinge loss; its derivative is +-1 / n where a margin is missed.

    One output: max(0, 1 - t y) with the target -1 (or class 0) or 1. More: the mean over the n
    outputs of max(0, 1 + y - y[target]), the right one left out.
    """
    n = len(outputs)
    if not all(map(math.isfinite, outputs)):  # NaN is above no margin: it would count as right
        raise InvalidModelError(
            "an output of the network became NaN or infinite; lower the learning rate"
        )
    if n == 1:
        side = wanted_side(target)
        margin = 1.0 - side * outputs[0]
        return (margin, [-side]) if margin > 0.0 else (0.0, [0.0])
    label = wanted_class(target, n)
    margins = [0.0 if k == label else 1.0 + y - outputs[label] for k, y in enumerate(outputs)]
    gradient = [1.0 / n if margin > 0.0 else 0.0 for margin in margins]
    gradient[label] = -math.fsum(gradient)
    return math.fsum(margin for margin in margins if margin > 0.0) / n, gradient


def hinge_of_values(outputs: Sequence[Value], target: Target) -> Value:
    """Return the hinge loss."""
    n = len(outputs)
    if n == 1:
        return (1.0 - outputs[0] * wanted_side(target)).relu()
    label = wanted_class(target, n)
    right = outputs[label]
    return _total([(1.0 + y - right).relu() for k, y in enumerate(outputs) if k != label]) / n


def softmax(outputs: Sequence[float]) -> tuple[list[float], float]:
    """Return exp(y) / sum(exp(y)), and the logarithm of that sum."""
    highest = max(outputs)
    powers = [math.exp(y - highest) for y in outputs]
    total = math.fsum(powers)  # the built-in sum rounds differently from Python 3.12 on
    return [power / total for power in powers], math.log(total) + highest


def wanted_class(target: Target, n: int) -> int:
    """Return the target as the number of a class, 0..n - 1."""
    if n == 1:
        raise UsageError(
            "a network of one output learns no class by this loss; give it an output for each"
            " class, train it with hinge, or give the number that it should answer, as a list"
        )
    if isinstance(target, bool) or not isinstance(target, int):
        raise UsageError(
            f"this loss needs the number of a class, not {_shown(target)}; give 0 to {n - 1}"
        )
    if not 0 <= target < n:
        raise UsageError(
            f"label {target} is outside 0..{n - 1}, the network's {n} outputs; correct the data, or"
            " give it an output for each class"
        )
    return target


def wanted_outputs(target: Target, n: int) -> Sequence[float]:
    """Return the target as n numbers; a class becomes 1 at its place and 0 elsewhere."""
    if isinstance(target, int):
        label = wanted_class(target, n)
        return [1.0 if k == label else 0.0 for k in range(n)]
    numbers = _numbers(target)
    if len(numbers) != n:
        raise UsageError(
            f"the target has {len(numbers)} numbers, the network {n} outputs; give one an output"
        )
    if not all(map(math.isfinite, numbers)):
        raise UsageError(f"the target {_shown(target)} is not finite; clean the data first")
    return numbers


def wanted_side(target: Target) -> float:
    """Return the target as -1.0 or 1.0; the classes 0 and 1 are these sides."""
    if isinstance(target, int) and not isinstance(target, bool) and target in (-1, 0, 1):
        return 1.0 if target == 1 else -1.0
    sides = [] if isinstance(target, int) else _numbers(target)
    if len(sides) != 1 or sides[0] not in (-1, 1):
        raise UsageError(
            f"hinge on one output needs the target -1 or 1, or class 0 or 1, not {_shown(target)}"
        )
    return sides[0]


def find_loss(name: str | Loss) -> Loss:
    """Return the loss of that name; one that is no name is taken as it is."""
    if isinstance(name, Loss):
        return name
    if name not in LOSSES:
        raise UsageError(f"no loss {name!r}; use one of {', '.join(LOSSES)}")
    return LOSSES[name]


def _total(values: Sequence[Value]) -> Value:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _numbers(target: Sequence[float]) -> list[float]:
    """Return the numbers of a target; refuses what is neither a class nor numbers."""
    try:
        if not isinstance(target, str | bytes):
            return [float(number) for number in target]
    except (TypeError, ValueError, OverflowError):
        pass
    raise UsageError(
        f"the target {_shown(target)} is neither the number of a class nor a list of numbers;"
        " give e.g. 3, or one number an output"
    )


def _shown(target: object) -> str:
    return repr(target)[:60]


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("cross_entropy", cross_entropy, cross_entropy_of_values),
        Loss("rmse", rmse, rmse_of_values),
        Loss("mse", mse, mse_of_values),
        Loss("hinge", hinge, hinge_of_values),
    )
}
