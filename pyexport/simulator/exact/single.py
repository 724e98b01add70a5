"""The definition of the float32 scheme: every operation is rounded to float32, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyexport.simulator import float32
from pyexport.simulator.exact.base import Evaluated, Layer


@dataclass(frozen=True)
class FloatLinearLayer(Layer):
    """Each sum starts at the bias and takes the inputs in order."""

    weight: list[list[float]]
    bias: list[float]
    low: float
    high: float


@dataclass(frozen=True)
class FloatAffineLayer(Layer):
    """The product is rounded, then the sum; element i is of column i % columns."""

    scale: list[float]
    shift: list[float]
    low: float
    high: float


@dataclass(frozen=True)
class FloatSoftmaxLayer(Layer):
    """Probabilities, with the exponential of simulator/float32.py."""


def linear(layer: FloatLinearLayer, x: Sequence[float]) -> Evaluated:
    """Return what a linear layer gives."""
    sums: list[float] = []
    for bias, row in zip(layer.bias, layer.weight, strict=True):
        acc = bias
        for weight, value in zip(row, x, strict=True):
            acc = float32.add(acc, float32.multiply(weight, value))
        sums.append(acc)
    return Evaluated(([_clamp(acc, layer.low, layer.high) for acc in sums],), sums)


def affine(layer: FloatAffineLayer, x: Sequence[float]) -> Evaluated:
    """Return what an affine map gives."""
    sums: list[float] = []
    for i, value in enumerate(x):
        column = i % len(layer.scale)
        product = float32.multiply(layer.scale[column], value)
        sums.append(float32.add(product, layer.shift[column]))
    return Evaluated(([_clamp(acc, layer.low, layer.high) for acc in sums],), sums)


def softmax(layer: FloatSoftmaxLayer, x: Sequence[float]) -> Evaluated:
    """Return the probabilities, and the sum of the exponentials."""
    largest = max(x)
    terms = [float32.exp_nonpositive(float32.add(value, -largest)) for value in x]
    total = 0.0
    for term in terms:
        total = float32.add(total, term)
    return Evaluated(([float32.divide(term, total) for term in terms],), [total])


def _clamp(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value
