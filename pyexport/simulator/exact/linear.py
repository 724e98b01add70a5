"""The definition of linear layers and of affine maps of columns."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.simulator.exact.base import Evaluated, Scaled, Values


@dataclass(frozen=True)
class LinearLayer(Scaled):
    """out[o] = clamp(zero_point + requantize(bias[o] + sum_i weight[o][i] * in[i]), low, high)."""

    weight: list[list[int]]  # [output][input], -127..127
    bias: list[int]  # the input's zero point is already in it


@dataclass(frozen=True)
class AffineLayer(Scaled):
    """The same with one product an output; element i has the numbers of column i % columns."""

    weight: list[int]  # one a column, -127..127
    bias: list[int]


def linear(layer: LinearLayer, x: Values) -> Evaluated:
    """Return what a linear layer gives."""
    sums: Values = []
    for bias, row in zip(layer.bias, layer.weight, strict=True):
        acc = bias
        for weight, value in zip(row, x, strict=True):
            acc += weight * value
        sums.append(acc)
    return Evaluated(([layer.finish(acc, o) for o, acc in enumerate(sums)],), sums)


def affine(layer: AffineLayer, x: Values) -> Evaluated:
    """Return what an affine map gives."""
    sums: Values = []
    outputs: Values = []
    for i, value in enumerate(x):
        column = i % len(layer.weight)
        acc = layer.bias[column] + layer.weight[column] * value
        sums.append(acc)
        outputs.append(layer.finish(acc, column))
    return Evaluated((outputs,), sums)
