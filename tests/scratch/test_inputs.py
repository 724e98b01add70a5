"""Inputs are searched on the standard library alone: wanted classes, and disagreements."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from pyexport.errors import UsageError
from pyexport.scratch import MLP, SGD
from pyexport.scratch.inputs import Descent, Grid, descend, disagreements

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


def trained() -> MLP:
    """A network that tells where the center of four numbers 0..15 lies."""
    net, optimizer, rng = MLP(4, 8, 3, seed=3, engine="lists"), SGD(0.05), Random(1)
    for _ in range(600):
        row = [rng.randrange(16) / 15 for _ in range(4)]
        label = int(sum(row[:2]) > 1.0) + int(row[2] > 0.5)
        net.step(row, label, loss="cross_entropy", optimizer=optimizer)
    return net


def test_disagreements_are_found_once_each_and_are_real() -> None:
    net = trained()

    def integer_class(row: list[int]) -> int:
        scores = [round(4 * score) for score in net([v / 15 for v in row])]  # a coarse output
        return scores.index(max(scores))

    def float_class(row: tuple[int, ...]) -> int:
        scores = net([v / 15 for v in row])
        return scores.index(max(scores))

    rng = Random(2)
    rows = [[rng.randrange(16) for _ in range(4)] for _ in range(30)]
    grid = Grid(0, 15, 1 / 15, 0.25)
    found = list(islice(disagreements(net, integer_class, rows, grid), 100))
    assert len(set(found)) == 100
    assert all(float_class(row) != integer_class(list(row)) for row in found)
    assert all(0 <= value <= 15 for row in found for value in row)


def test_a_hunt_without_disagreements_ends() -> None:
    net = trained()

    def same(row: list[int]) -> int:
        scores = net([v / 15 for v in row])
        return scores.index(max(scores))

    rows = [[0, 0, 0, 0], [15, 15, 15, 15], [0, 15, 0, 3]]
    assert list(disagreements(net, same, rows, Grid(0, 15, 1 / 15), patience=3)) == []


def test_rows_of_one_class_are_refused() -> None:
    with pytest.raises(UsageError, match="at least two classes"):
        next(disagreements(trained(), lambda row: 1, [[1, 1, 1, 1]] * 2, Grid(0, 15, 1 / 15)))


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
