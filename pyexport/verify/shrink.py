"""Brings found inputs as near to a simple one as they get without losing what they show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyexport.ir import Array, FloatArray

Holds = Callable[[Array, Array], Array]  # rows, their numbers in the batch -> which still show it

BISECTIONS = 10
GROUPS = (16, 4, 1)  # elements that go back together
UNIT_ROUNDS = 64


def shrink(rows: Array, towards: Array, holds: Holds, weight: Array | None = None) -> Array:
    """Return integer rows (n, size) nearer to `towards` (n, size) that still hold.

    First along the straight line, then elements go back to their old value, those that are
    nearest to it first, and last the farthest elements one unit at a time. weight (size,) is what a
    unit of each element counts. Every kept row was tested; one that does not hold comes back as it
    is.
    """
    best = np.asarray(rows, dtype=np.int64)
    origin = np.asarray(towards, dtype=np.int64)
    unit = np.ones(best.shape[1]) if weight is None else weight
    best = _along_the_line(best, origin, holds)
    for group in GROUPS:
        if group < best.shape[1] or group == 1:
            best = _elements_back(best, origin, holds, unit, group)
    return _units_back(best, origin, holds, unit).astype(rows.dtype)


def distances(rows: FloatArray, starts: FloatArray) -> FloatArray:
    """Return the L2 distance of each row from its start."""
    result: FloatArray = np.linalg.norm(rows - starts, axis=1)
    return result


def _keep(best: Array, proposal: Array, holds: Holds) -> tuple[Array, Array]:
    """Return the rows with each changed proposal that holds taken over, and which were."""
    taken = np.zeros(len(best), dtype=bool)
    changed = np.flatnonzero((proposal != best).any(axis=1))
    if len(changed):
        taken[changed] = holds(proposal[changed], changed)
    return np.where(taken[:, None], proposal, best), taken


def _along_the_line(rows: Array, origin: Array, holds: Holds) -> Array:
    best, near, far = rows, np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(BISECTIONS):
        middle = (near + far) / 2.0
        proposal = np.rint(origin + (rows - origin) * middle[:, None]).astype(np.int64)
        shown = holds(proposal, np.arange(len(rows)))
        best = np.where(shown[:, None], proposal, best)
        far, near = np.where(shown, middle, far), np.where(shown, near, middle)
    return best


def _elements_back(best: Array, origin: Array, holds: Holds, unit: Array, group: int) -> Array:
    """Set elements to their old value, `group` at a time."""
    distance = np.abs(best - origin) * unit
    order = np.argsort(np.where(distance > 0, distance, np.inf), axis=1, kind="stable")
    most = int((distance > 0).sum(axis=1).max(initial=0))
    for start in range(0, most, group):
        proposal = best.copy()
        columns = order[:, start : start + group]
        np.put_along_axis(proposal, columns, np.take_along_axis(origin, columns, 1), 1)
        best, _ = _keep(best, proposal, holds)
    return best


def _units_back(best: Array, origin: Array, holds: Holds, unit: Array) -> Array:
    """Move the farthest element one unit back, or the next farthest where that loses it."""
    refused = np.zeros(best.shape, dtype=bool)
    for _ in range(UNIT_ROUNDS):
        distance = np.where(refused, 0.0, np.abs(best - origin) * unit)
        column = distance.argmax(axis=1)
        row = np.arange(len(best))
        active = distance[row, column] > 0
        if not active.any():
            break
        proposal = best.copy()
        step = np.sign(origin - best)[row, column]
        proposal[row[active], column[active]] += step[active]
        best, taken = _keep(best, proposal, holds)
        refused[row, column] |= ~taken
    return best
