"""The derived intervals hold what the integers compute, and little more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyexport.ir import (
    Activation,
    Constant,
    Dataset,
    Graph,
    Gru,
    LayerNorm,
    Lstm,
    MatMul,
    Node,
    Op,
    Tensor,
    output_shapes,
)
from pyexport.quantize import quantize_int8
from scripts.conformance_cases.bounds import enclosures
from scripts.conformance_cases.exporting import simulated

RANDOM = np.random.default_rng(5)


def normal(*shape: int, gain: float = 1.0) -> Any:
    return (gain * RANDOM.normal(size=shape)).astype(np.float32)


def recurrent(op: Lstm | Gru, steps: int, n_in: int, every: bool) -> Graph:
    n, states = op.size, ("zero",) * (2 if isinstance(op, Lstm) else 1)
    names = ("every", "h", "c")[: 1 + len(states)]
    tensors = (
        Tensor("x", (steps, n_in)), Tensor("zero", (n,)), Tensor("every", (steps, n)),
        *(Tensor(name, (n,)) for name in names[1:]),
    )  # fmt: skip
    nodes = (
        Node("z", Constant(np.zeros(n)), (), ("zero",)),
        Node("r", op, ("x", *states), names),
    )
    return Graph(tensors, nodes, ("x",), ("every" if every else "h",))


def one(shape: tuple[int, ...], op: Op) -> Graph:
    (made,) = output_shapes(op, shape)
    return Graph(
        (Tensor("x", shape), Tensor("y", made)), (Node("n", op, ("x",), ("y",)),), ("x",), ("y",)
    )


def product() -> Graph:
    """A square times its own curve."""
    shape = (2, 5, 5)
    nodes = (
        Node("a", Activation("tanh"), ("x",), ("t",)),
        Node("b", MatMul(), ("x", "t"), ("y",)),
    )
    return Graph(tuple(Tensor(n, shape) for n in "xty"), nodes, ("x",), ("y",))


N, STEPS, N_IN = 6, 5, 4
LSTM = Lstm(normal(4 * N, N_IN), normal(4 * N, N, gain=0.3), normal(4 * N))
GRU = Gru(normal(3 * N, N_IN), normal(3 * N, N, gain=0.3), normal(3 * N), normal(3 * N))
GRAPHS = {
    "lstm": (recurrent(LSTM, STEPS, N_IN, False), 0.2),
    "every step of an lstm": (recurrent(LSTM, STEPS, N_IN, True), 0.2),
    "gru": (recurrent(GRU, STEPS, N_IN, False), 0.2),
    "layer norm": (one((3, 16), LayerNorm(normal(16), normal(16), 1e-5)), 0.08),
    "layer norm of two axes": (
        one((3, 4, 20), LayerNorm(normal(4, 20), normal(4, 20), 1e-3)), 0.08,
    ),
    "layer norm of a long row": (one((1, 600), LayerNorm(normal(600), normal(600), 0.1)), 0.08),
    "matmul": (product(), 0.08),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_the_integers_stay_inside_a_narrow_interval(name: str) -> None:
    graph, widest = GRAPHS[name]
    rows = RANDOM.uniform(-2.0, 2.0, (40, *graph.input.shape))
    integer = quantize_int8(graph, (-2.0, 2.0), Dataset(rows)).graph
    (got,) = simulated(integer, {"x": rows}).values()
    span = float(got.max() - got.min())
    for row, outputs in zip(rows, got, strict=True):
        bounds = enclosures(graph, integer, {"x": row})[graph.outputs[0]]
        assert (bounds.low <= outputs).all()
        assert (outputs <= bounds.high).all()
        assert float((bounds.high - bounds.low).max()) <= widest * span
