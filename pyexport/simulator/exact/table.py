"""The definition of functions of one byte."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.fixedpoint import clamp, round_shift_right
from pyexport.simulator.exact.base import Evaluated, Layer, Values


@dataclass(frozen=True)
class TableLayer(Layer):
    """out = table[in mod 256]."""

    table: list[int]


@dataclass(frozen=True)
class PReluLayer(Layer):
    """acc = (in - zero_point) * multiplier, one for values below zero and one for the others."""

    slope: list[int]  # one an element of the last axis
    positive: int
    shift: int


def table(layer: TableLayer, x: Values) -> Evaluated:
    """Return the entries of the bytes."""
    return Evaluated(([layer.table[value % 256] for value in x],), [])


def prelu(layer: PReluLayer, x: Values) -> Evaluated:
    """Return each value scaled by the multiplier of its sign, rounded once."""
    (source,), (target,) = layer.inputs, layer.outputs
    sums = []
    for index, value in enumerate(x):
        centered = value - source.zero_point
        below = layer.slope[index % len(layer.slope)]
        sums.append(centered * (below if centered < 0 else layer.positive))
    outputs = [
        clamp(round_shift_right(acc, layer.shift) + target.zero_point, target.low, target.high)
        for acc in sums
    ]
    return Evaluated((outputs,), sums)
