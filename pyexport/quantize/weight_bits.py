"""Weights of 4 bits: the scale of each row, and how far rounding moved the weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pyexport.choices import WeightChoice
from pyexport.ir import Array, FloatArray, Graph, Linear, QuantizedLinear

LARGEST = {8: 127, 4: 7}  # weight of so many bits, in units of its scale
REFINEMENTS = 3  # of a scale, by least squares for the integers that it gave
# What the largest weight of a row is worth in steps of a candidate scale. Whole numbers up to 7 are
# those of a row that already lies on a grid; beyond 7 the largest weights are clipped.
CANDIDATES = tuple(np.concatenate([np.arange(1.0, 7.0), np.linspace(6.5, 14.0, 46), [7.0]]))


def row_scales(weight: Array, largest: int, *, per_channel: bool = True) -> FloatArray:
    """Return the scale of each row (n_out,) that rounds its weights with the least square error.

    Weights that already are whole multiples, up to `largest`, of some step get that step. A row of
    zeros gets scale 0.
    """
    wide = weight.astype(np.float64)
    rows = wide if per_channel else wide.reshape(1, -1)
    top = np.abs(rows).max(axis=1, initial=0.0)
    best, least = top / largest, np.full(len(rows), np.inf)
    for steps in CANDIDATES:
        scale = top / (steps * largest / 7)
        for _ in range(REFINEMENTS):
            rounded = _rounded(rows, scale, largest)
            error = ((rows - rounded * scale[:, None]) ** 2).sum(axis=1)
            best, least = np.where(error < least, scale, best), np.minimum(error, least)
            power = (rounded**2).sum(axis=1)
            fitted = (rows * rounded).sum(axis=1) / np.where(power > 0.0, power, 1.0)
            scale = np.where(fitted > 0.0, fitted, scale)
    return best if per_channel else np.full(len(wide), best[0])


def _rounded(rows: FloatArray, scale: FloatArray, largest: int) -> FloatArray:
    """Return the nearest whole multiples of the scales, halves up, within the limits."""
    safe = np.where(scale > 0.0, scale, 1.0)
    return np.asarray(np.clip(np.floor(rows / safe[:, None] + 0.5), -largest, largest))


def weight_choices(
    graph: Graph, integer: Graph, bits: Mapping[str, int]
) -> tuple[WeightChoice, ...]:
    """Return what each layer of fewer than 8 bits got; both graphs call their nodes alike."""
    real = {node.name: node.op for node in graph.nodes}
    found = []
    for node in integer.nodes:
        before = real.get(node.name)
        if node.name not in bits or not isinstance(before, Linear):
            continue
        assert isinstance(node.op, QuantizedLinear)  # what becomes of a linear layer
        wide = before.weight.astype(np.float64)
        moved = node.op.weight * node.op.weight_scale[:, None] - wide
        size = float(np.linalg.norm(wide)) or 1.0
        found.append(WeightChoice(node.name, bits[node.name], float(np.linalg.norm(moved)) / size))
    return tuple(found)
