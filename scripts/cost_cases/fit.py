"""Finds the prices of counts: not negative, and with the least relative error over all cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from pyexport.lower.call_work import DIGITS, ONES
from pyexport.lower.work import Work

CALL = ("", "call")  # what stands around all kernels of a network

SHARED = (DIGITS, ONES)  # counts of one function of the library: a price for all kernels

LARGE = 3000  # instructions: a smaller case counts less, as its error matters less

Key = tuple[str, str]  # kernel, count


@dataclass(frozen=True)
class Equation:
    """The counts of all kernels of a network for one row, and what was measured."""

    work: dict[Key, float]
    measured: float
    weight: float = 1.0


def equation(works: Sequence[tuple[str, Work]], measured: float, weight: float = 1.0) -> Equation:
    """Return the equation of one row; works: the kernel and the counts of every step."""
    total: dict[Key, float] = {CALL: 1.0}
    for kernel, work in works:
        for name, count in work.items():
            key = ("" if name in SHARED else kernel, name)
            total[key] = total.get(key, 0.0) + count
    return Equation(total, measured, weight)


def fit(equations: Sequence[Equation]) -> dict[Key, float]:
    """Return a price for every count."""
    keys = sorted({key for one in equations for key in one.work})
    places = {key: place for place, key in enumerate(keys)}
    matrix = np.zeros((len(equations), len(keys)))
    wanted = np.zeros(len(equations))
    for row, one in enumerate(equations):
        weight = one.weight * min(one.measured / LARGE, 1.0) ** 0.5
        scale = weight / one.measured
        wanted[row] = weight
        for key, count in one.work.items():
            matrix[row, places[key]] = count * scale
    sizes = np.linalg.norm(matrix, axis=0)
    prices, _ = nnls(matrix / sizes, wanted, maxiter=50 * len(keys))
    return {key: float(prices[places[key]] / sizes[places[key]]) for key in keys}


def predicted(one: Equation, prices: dict[Key, float]) -> float:
    """Return what the prices say of a row."""
    return sum(prices[key] * count for key, count in one.work.items())
