"""The definition of arithmetic of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from pyexport.fixedpoint import clamp, round_shift_right
from pyexport.simulator.exact.base import Evaluated, Layer, PlainTensor, Scaled, Values


@dataclass(frozen=True)
class AddLayer(Layer):
    """acc = a * multiplier_a + b * multiplier_b + offset."""

    multiplier_a: int
    multiplier_b: int
    offset: int
    shift: int


@dataclass(frozen=True)
class MulLayer(Scaled):
    """acc = (a - zero_point of a) * (b - zero_point of b)."""


@dataclass(frozen=True)
class ConstantLayer(Layer):
    """Stored bytes."""

    value: list[int]


def add(layer: AddLayer, a: Values, b: Values) -> Evaluated:
    """Return the sums, rounded once."""
    (target,) = layer.outputs
    sums = [
        x * layer.multiplier_a + y * layer.multiplier_b + layer.offset
        for x, y in _pairs(layer, a, b)
    ]
    outputs = [
        clamp(round_shift_right(acc, layer.shift) + target.zero_point, target.low, target.high)
        for acc in sums
    ]
    return Evaluated((outputs,), sums)


def mul(layer: MulLayer, a: Values, b: Values) -> Evaluated:
    """Return the products, rounded once."""
    zero_a, zero_b = (place.zero_point for place in layer.inputs)
    sums = [(x - zero_a) * (y - zero_b) for x, y in _pairs(layer, a, b)]
    return Evaluated(([layer.finish(acc) for acc in sums],), sums)


def constant(layer: ConstantLayer) -> Evaluated:
    """Return the stored bytes."""
    return Evaluated((list(layer.value),), [])


def _pairs(layer: Layer, a: Values, b: Values) -> Iterator[tuple[int, int]]:
    """Return the operands of each output element; an axis of size 1 repeats."""
    places = layer.inputs
    for place in product(*(range(n) for n in layer.outputs[0].shape)):
        yield a[_index(place, places[0])], b[_index(place, places[1])]


def _index(place: tuple[int, ...], operand: PlainTensor) -> int:
    """Return where an operand holds the value for this place; missing axes come first."""
    own = place[len(place) - len(operand.shape) :]
    index = 0
    for i, n in zip(own, operand.shape, strict=True):
        index = index * n + (0 if n == 1 else i)
    return index
