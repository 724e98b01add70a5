"""Inputs are searched on the standard library alone: wanted classes, and disagreements."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pyexport.errors import UsageError
from pyexport.scratch import MLP
from pyexport.scratch.inputs import Descent, descend, disagreements

ROOT = Path(__file__).resolve().parents[2]


def test_a_descent_reaches_its_class_inside_the_limits() -> None:
    net = MLP(6, 8, 4, seed=2, engine="lists")
    for target in range(4):
        x = descend(net, [0.5, -0.5] * 3, target, (-2.0, 2.0), Descent(steps=80, rate=0.1))
        scores = net(x)
        assert scores.index(max(scores)) == target
        assert min(x) >= -2.0 and max(x) <= 2.0


def test_a_weight_on_the_distance_keeps_it_short() -> None:
    net = MLP(6, 8, 4, seed=2, engine="lists")

    def moved(keep_near: float) -> float:
        x = descend(net, [0.5] * 6, 1, (0.0, 1.0), Descent(60, 0.05, keep_near))
        return sum((value - 0.5) ** 2 for value in x)

    assert moved(10.0) < 0.2 * moved(0.0)


def test_disagreements_are_found_once_each_and_are_real() -> None:
    def float_class(row: list[int]) -> int:
        return int(row[0] + 0.4 * row[1] > 7.3)

    def integer_class(row: list[int]) -> int:
        return int(row[0] + row[1] // 2 > 7)

    rows = [[a, b] for a in (0, 3, 9, 14) for b in (1, 8, 15)]
    found = list(disagreements(float_class, integer_class, rows, patience=300))
    every = [(a, b) for a in range(15) for b in range(16)]
    wanted = {row for row in every if float_class(list(row)) != integer_class(list(row))}
    assert len(set(found)) == len(found) >= 5
    assert set(found) <= wanted


def test_rows_of_one_class_are_refused() -> None:
    with pytest.raises(UsageError, match="at least two classes"):
        next(disagreements(lambda row: 1, lambda row: 1, [[1], [2]]))


def test_it_works_with_numpy_blocked() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from pyexport.scratch import MLP\n"
        "from pyexport.scratch.inputs import Descent, descend\n"
        "net = MLP(4, 6, 3, seed=1)\n"
        "x = descend(net, [0.5] * 4, 2, (0.0, 1.0), Descent(steps=60, rate=0.05))\n"
        "scores = net(x)\n"
        "print(scores.index(max(scores)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "2"
