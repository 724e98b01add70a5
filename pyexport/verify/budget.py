"""Thins suites to a number of rows together: what a slow board or a fair comparison can afford."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyexport.errors import UsageError
from pyexport.verify.suites import Suite

SHARES = {"boundary": 4, "unit": 4, "extremes": 2}  # of the others: 1


def thinned(suites: Sequence[Suite], vectors: int) -> tuple[Suite, ...]:
    """Return the suites with at most so many rows together, evenly spaced.

    A suite gets its share, and what smaller ones leave over. The layers of the suite unit share
    one. Raises UsageError for fewer vectors than suites.
    """
    if vectors < len(suites):
        raise UsageError(f"{vectors} vectors are fewer than {len(suites)} suites; ask for more")
    left, weight = vectors, [_weight(suite, suites) for suite in suites]
    counts = [0] * len(suites)
    order = sorted(range(len(suites)), key=lambda i: len(suites[i].rows) / weight[i])
    for place, number in enumerate(order):
        rest = sum(weight[i] for i in order[place:])
        share = max(1, int(left * weight[number] / rest))
        counts[number] = min(len(suites[number].rows), share)
        left -= counts[number]
    return tuple(_spaced(suite, count) for suite, count in zip(suites, counts, strict=True))


def _weight(suite: Suite, suites: Sequence[Suite]) -> float:
    alike = sum(other.name == suite.name for other in suites)
    return SHARES.get(suite.name, 1) / alike


def _spaced(suite: Suite, count: int) -> Suite:
    places = np.linspace(0, len(suite.rows) - 1, count).astype(np.int64)
    return replace(suite, rows=np.ascontiguousarray(suite.rows[places]))
