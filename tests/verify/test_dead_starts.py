"""Starts without a slope: a black picture that leaves a whole layer of ReLUs at zero."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

import pyexport
from pyexport.errors import UsageError
from pyexport.gradients import of_graph
from pyexport.ir import Graph, Linear, Node, Tensor
from pyexport.passes import run_passes
from pyexport.reference import forward
from pyexport.verify.descent import Descent, cross_entropy_gradient, descend

RANGES = [(0.0, 255.0), (0.0, 1.0), (-2.0, 2.0)]


def dead_at_least(low: float, high: float) -> Graph:
    """Return a network that tells the greatest input; its ReLUs are zero at least values."""
    weight = np.eye(3) / (high - low)
    bias = -weight @ np.full(3, low) - 0.15
    return Graph(
        (Tensor("x", (3,)), Tensor("h", (3,)), Tensor("y", (3,))),
        (
            Node("hidden", Linear(weight, bias, low=0.0), ("x",), ("h",)),
            Node("out", Linear(4.0 * np.eye(3), np.zeros(3)), ("h",), ("y",)),
        ),
        ("x",),
        ("y",),
    )


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_every_class_is_reached_from_least_values_without_a_slope(low: float, high: float) -> None:
    model = of_graph(dead_at_least(low, high))
    limits = np.full(3, low), np.full(3, high)
    starts, targets = np.tile(limits[0], (3, 1)), np.arange(3)
    _, gradient = model(starts, cross_entropy_gradient(targets))
    assert not gradient.any()  # or the test would test nothing
    rows = descend(model, starts, targets, limits)
    assert forward(dead_at_least(low, high), rows).argmax(axis=1).tolist() == [0, 1, 2]
    assert (rows >= low).all() and (rows <= high).all()
    assert (rows == descend(model, starts, targets, limits)).all()
    assert (rows[1:] == descend(model, starts[1:], targets[1:], limits)).all()  # in any batch


def test_a_row_that_is_surely_of_its_class_stays_where_it_is() -> None:
    graph = Graph(
        (Tensor("x", (2,)), Tensor("y", (2,))),
        (Node("out", Linear(np.array([[5e3, 0.0], [0.0, 0.0]]), np.zeros(2)), ("x",), ("y",)),),
        ("x",),
        ("y",),
    )
    start = np.array([[1.0, 0.5]])
    limits = np.zeros(2), np.ones(2)
    rows = descend(of_graph(graph), start, np.array([0]), limits, Descent(20))
    assert (rows == start).all()


@pytest.mark.parametrize("scale", [1 / 256, 1 / 255, 0.5])
def test_a_convolution_sees_its_input_times_the_stated_scale(scale: float) -> None:
    torch.manual_seed(4)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(27, 4),
    )  # fmt: skip
    model = pyexport.from_torch(
        net, torch.zeros(1, 1, 6, 6), input_range=(0, 255), input_scale=scale
    )
    pixels = torch.randint(0, 256, (8, 1, 6, 6), dtype=torch.float32)
    with torch.no_grad():
        wanted, other = (net(pixels * s).numpy() for s in (scale, 1.05 * scale))
    found = forward(run_passes(model.graph), pixels.numpy().reshape(8, 36).astype(np.float64))
    size = np.abs(wanted).max()
    assert np.abs(found - wanted).max() < 1e-5 * size < np.abs(other - wanted).max()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_row_far_inside_its_class_moves_on_by_momentum(dtype: type[np.floating]) -> None:
    weight = np.array([[1.0, -1.0], [-1.0, 1.0]])
    layers = (Linear(weight, np.zeros(2)), Linear(np.eye(2), np.array([30.0, -30.0])))
    tensors = tuple(Tensor(name, (2,)) for name in "xhy")
    nodes = tuple(
        Node(str(i), op, (name,), (after,))
        for i, (op, name, after) in enumerate(zip(layers, "xh", "hy", strict=True))
    )
    model = of_graph(Graph(tensors, nodes, ("x",), ("y",)), dtype)
    limits, starts = (np.zeros(2), np.ones(2)), np.array([[0.5, 0.5], [0.2, 0.9]])
    descent = Descent(30, 0.02, rule="momentum")
    rows = descend(model, starts, np.zeros(2, np.int64), limits, descent)
    assert (rows == [1.0, 0.0]).all()  # the margin is about 60: its probability differs by 1e-26


def test_a_row_stops_when_its_class_is_probable_enough_in_any_batch() -> None:
    model, limits = of_graph(dead_at_least(0.0, 1.0)), (np.zeros(3), np.ones(3))
    starts = np.array([[0.2, 0.9, 0.3], [0.9, 0.2, 0.1], [0.4, 0.5, 0.5]])
    targets = np.zeros(3, np.int64)
    descent = Descent(80, 0.01, rule="momentum", enough=0.8, least=4)
    seen = []
    rows = descend(model, starts, targets, limits, descent, lambda _, rows: seen.append(rows))
    for row, start in zip(rows, starts, strict=True):
        assert (row == descend(model, start[None], targets[:1], limits, descent)).all()
    moved = [(after != before).any(axis=1) for before, after in pairwise(seen)]
    steps = np.sum(moved, axis=0)
    assert len(seen) == 81 and (steps >= 4).all() and (steps < 80).all()
    assert len(set(steps.tolist())) > 1
    assert (rows[:, 0] - rows[:, 1:].max(axis=1) > 0.2).all()


def test_a_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="take one of adam, momentum"):
        Descent(rule="newton")
