"""Chooses the rows that an attack starts from, and the class that each is to be taken for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.errors import UsageError
from pyexport.ir import Array
from pyexport.verify.pair import Pair


@dataclass(frozen=True, eq=False)
class Starts:
    """Rows of the device's integers, their class by both models, and the class to reach."""

    rows: Array
    classes: Array
    targets: Array


def choose_starts(
    pair: Pair,
    rows: Array,
    truth: Array | None,
    *,
    count: int = 20,
    start: int | None = None,
    target: int | None = None,
    seed: int = 0,
) -> Starts:
    """Return at most `count` of the rows that float and integer model give the same, true class.

    start: only rows of that class. target: the class to reach; None gives every row another one,
    in turn. Raises UsageError if no row is left.
    """
    if count < 1 or seed < 0:
        raise UsageError("an attack takes at least one start, and a seed of 0 or more")
    order = np.random.Generator(np.random.PCG64([seed, 6])).permutation(len(rows))
    rows = rows[order]
    classes = pair.integer_classes(rows) if len(rows) else np.empty(0, np.int64)
    usable = classes == pair.float_classes(pair.real(rows))
    if truth is not None:
        usable &= classes == truth[order]
    if start is not None:
        usable &= classes == start
    if target is not None:
        usable &= classes != target
    chosen = np.flatnonzero(usable)[:count]
    if not len(chosen):
        whose = "" if start is None else f" of class {pair.labels[start]}"
        raise UsageError(
            f"{pair.artifact.name}: no start{whose} that both models see right; give more rows, "
            "or another class"
        )
    classes = classes[chosen]
    others = 1 + np.arange(len(chosen)) % (pair.classes - 1)
    targets = (classes + others) % pair.classes if target is None else np.full(len(chosen), target)
    return Starts(rows[chosen], classes, targets)


def class_number(pair: Pair, text: str | None, option: str) -> int | None:
    """Return the class that a label or a number names."""
    if text is None:
        return None
    if text in pair.labels:
        return pair.labels.index(text)
    if text.isascii() and text.isdigit() and int(text) < pair.classes:
        return int(text)
    raise UsageError(
        f"{option} {text[:40]!r} is no class; use a number of 0..{pair.classes - 1}"
        + (f" or one of {', '.join(pair.labels[:12])}" if pair.artifact.labels else "")
    )
