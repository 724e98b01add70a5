"""A reshape of a permuted tensor, done on the stored one instead where their axes allow it."""

from __future__ import annotations

import math

Shape = tuple[int, ...]
Axes = tuple[int, ...]


def regrouped(stored: Shape, axes: Axes, shape: Shape) -> tuple[Shape, Axes] | None:
    """Return (inner, order): reshape(permute(x, axes), shape) == permute(reshape(x, inner), order).

    None where no reshape of the stored tensor does it. Axes are grouped into the smallest runs
    with the same number of elements on both sides; the stored axes of a run must follow each other.
    """
    logical = tuple(stored[axis] for axis in axes)
    groups = _groups(logical, shape)
    if groups is None:
        return None
    runs: list[tuple[int, Shape, int]] = []  # first stored axis, new sizes, place in the result
    place = 0
    for old, new in groups:
        places = [axes[i] for i in old if stored[axes[i]] != 1]
        if not _only_ones_between(places, stored):
            return None
        sizes = tuple(shape[i] for i in new)
        first = min(places or [axes[i] for i in old], default=-1)
        runs.append((first, sizes, place))
        place += len(sizes)
    inner: list[int] = []
    order = [0] * len(shape)
    for _, sizes, start in sorted(runs, key=lambda run: run[0]):
        for i in range(len(sizes)):
            order[start + i] = len(inner) + i
        inner.extend(sizes)
    return tuple(inner), tuple(order)


def _only_ones_between(places: list[int], stored: Shape) -> bool:
    """Return whether rising stored axes have nothing but axes of size 1 between them."""
    if places != sorted(places):
        return False
    between = range(places[0], places[-1]) if places else ()
    return all(axis in places or stored[axis] == 1 for axis in between)


def _groups(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]] | None:
    """Return runs of axes of both shapes with equal products, as short as possible."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [], []
        a = b = 1
        if i < len(old):
            left.append(i)
            a, i = old[i], i + 1
        if j < len(new):
            right.append(j)
            b, j = new[j], j + 1
        while a != b:
            if a < b and i < len(old):
                left.append(i)
                a, i = a * old[i], i + 1
            elif b < a and j < len(new):
                right.append(j)
                b, j = b * new[j], j + 1
            else:
                return None
        if a == 1 and groups:  # axes of size 1 go with those before them
            groups[-1][0].extend(left)
            groups[-1][1].extend(right)
        else:
            groups.append((left, right))
    return groups if math.prod(old) == math.prod(new) else None
