"""The definition of the product of two tensors' matrices."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from pyexport.simulator.exact.base import Evaluated, PlainTensor, Scaled, Values


@dataclass(frozen=True)
class MatMulLayer(Scaled):
    """acc = sum of (a - zero_point of a) * (b - zero_point of b) over a's last axis."""


def matmul(layer: MatMulLayer, a: Values, b: Values) -> Evaluated:
    """Return the products of all pairs of matrices; leading axes of size 1, or missing, repeat."""
    left, right = layer.inputs
    (rows, count), columns = left.shape[-2:], right.shape[-1]
    sums: Values = []
    for place in product(*(range(n) for n in layer.outputs[0].shape[:-2])):
        at_a = _matrix(place, left) * rows * count
        at_b = _matrix(place, right) * count * columns
        for i in range(rows):
            for j in range(columns):
                acc = 0
                for k in range(count):
                    x = a[at_a + i * count + k] - left.zero_point
                    y = b[at_b + k * columns + j] - right.zero_point
                    acc += x * y
                sums.append(acc)
    return Evaluated(([layer.finish(acc) for acc in sums],), sums)


def _matrix(place: tuple[int, ...], operand: PlainTensor) -> int:
    """Return which of an operand's matrices belongs to this place of the leading axes."""
    leading = operand.shape[:-2]
    own = place[len(place) - len(leading) :]
    index = 0
    for i, n in zip(own, leading, strict=True):
        index = index * n + (0 if n == 1 else i)
    return index
