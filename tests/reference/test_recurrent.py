"""LSTM and GRU against PyTorch, whole sequences and step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyexport.ir import Graph, Gru, Lstm, Node, State, Tensor
from pyexport.reference import evaluate, forward
from tests.reference.autograd import check, one_node


def weights(cell: torch.nn.RNNBase) -> list[Any]:
    return [p.detach().numpy() for p in cell.parameters()]


def lstm(n_in: int, size: int) -> tuple[torch.nn.LSTM, Lstm]:
    torch.manual_seed(1)
    cell = torch.nn.LSTM(n_in, size, batch_first=True).double()
    w, u, b, c = weights(cell)
    return cell, Lstm(w, u, b + c)


def gru(n_in: int, size: int) -> tuple[torch.nn.GRU, Gru]:
    torch.manual_seed(2)
    cell = torch.nn.GRU(n_in, size, batch_first=True).double()
    return cell, Gru(*weights(cell))


@pytest.mark.parametrize(("steps", "n_in", "size"), [(1, 1, 1), (5, 3, 4), (9, 2, 7)])
def test_lstm(steps: int, n_in: int, size: int) -> None:
    cell, op = lstm(n_in, size)

    def expected(x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, (last_h, last_c) = cell(x, (h[None].contiguous(), c[None].contiguous()))
        return y, last_h[0], last_c[0]

    check(op, expected, (steps, n_in), (size,), (size,))


@pytest.mark.parametrize(("steps", "n_in", "size"), [(1, 1, 1), (5, 3, 4), (9, 2, 7)])
def test_gru(steps: int, n_in: int, size: int) -> None:
    cell, op = gru(n_in, size)

    def expected(x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, last = cell(x, h[None].contiguous())
        return y, last[0]

    check(op, expected, (steps, n_in), (size,))


def test_steps_with_a_kept_state_are_the_sequence() -> None:
    _, op = lstm(3, 4)
    x = np.random.default_rng(0).normal(size=(2, 6, 3))
    zeros = np.zeros((2, 4))
    whole = evaluate(one_node(op, (6, 3), (4,), (4,)), {"x0": x, "x1": zeros, "x2": zeros})
    tensors = [Tensor("x", (1, 3)), Tensor("y", (1, 4))]
    tensors += [Tensor(name, (4,)) for name in ("h", "c", "h1", "c1")]
    node = Node("n", op, ("x", "h", "c"), ("y", "h1", "c1"))
    states = (State("hidden", "h", "h1"), State("cell", "c", "c1"))
    step = Graph(tuple(tensors), (node,), ("x",), ("y",), states)
    kept = None
    for t in range(6):
        values = evaluate(step, x[:, t : t + 1], states=kept)
        assert np.array_equal(values["y"][:, 0], whole["y0"][:, t])
        kept = {s.name: values[s.write] for s in states}


def test_a_state_starts_at_its_initial_value() -> None:
    _, op = gru(2, 3)
    tensors = (Tensor("x", (1, 2)), Tensor("h", (3,)), Tensor("y", (1, 3)), Tensor("h1", (3,)))
    node = Node("n", op, ("x", "h"), ("y", "h1"))
    graph = Graph(tensors, (node,), ("x",), ("y",), (State("hidden", "h", "h1", 0.5),))
    x = np.ones((1, 1, 2))
    expected = forward_of(op, x, np.full((1, 3), 0.5))
    assert np.array_equal(forward(graph, x), expected)


def forward_of(op: Gru, x: Any, h: Any) -> Any:
    return evaluate(one_node(op, (1, 2), (3,)), {"x0": x, "x1": h})["y0"]
