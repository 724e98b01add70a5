"""Linear, elementwise, moving, reducing and normalizing operators against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from pyexport.ir import (
    FLOAT_OPERATORS,
    Activation,
    Add,
    Affine,
    Argmax,
    Clamp,
    Concat,
    Constant,
    Graph,
    Identity,
    LayerNorm,
    Linear,
    LogSoftmax,
    MatMul,
    Mul,
    Node,
    Op,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Sub,
    Tensor,
)
from pyexport.operators.activation import FUNCTIONS
from pyexport.reference import evaluate, forward, value_and_gradient
from pyexport.reference.activation import CURVES
from pyexport.reference.registry import RULES
from tests.reference.autograd import check, one_node

RANDOM = np.random.default_rng(3)
WEIGHT, BIAS = RANDOM.normal(size=(4, 6)), RANDOM.normal(size=4)
SCALE, SHIFT = RANDOM.normal(size=3), RANDOM.normal(size=3)


def tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


CASES: dict[str, tuple[Op, Callable[..., torch.Tensor], list[tuple[int, ...]]]] = {
    "linear": (
        Linear(WEIGHT, BIAS, -0.5, 1.0),
        lambda x: functional.linear(x.flatten(1), tensor(WEIGHT), tensor(BIAS)).clamp(-0.5, 1.0),
        [(2, 3)],
    ),
    "matmul": (MatMul(), lambda a, b: a @ b, [(4, 2, 3), (4, 3, 5)]),
    "matmul of one matrix": (
        MatMul(), lambda a, b: a @ b[:, None], [(4, 2, 3), (3, 5)],
    ),
    "add": (Add(), lambda a, b: a + b, [(2, 3, 4), (2, 3, 4)]),
    "add of a channel": (
        Add(-0.2, 0.9), lambda a, b: (a + b).clamp(-0.2, 0.9), [(2, 3, 4), (1, 1, 4)],
    ),
    "add of fewer axes": (Add(), lambda a, b: a[:, None, None] + b, [(4,), (2, 3, 4)]),
    "sub": (Sub(0.0), lambda a, b: (a - b).relu(), [(2, 1, 4), (1, 3, 4)]),
    "mul": (Mul(), lambda a, b: a * b, [(2, 3, 4), (2, 3, 1)]),
    "affine": (Affine(SCALE, SHIFT), lambda x: x * tensor(SCALE) + tensor(SHIFT), [(4, 5, 3)]),
    "clamp": (Clamp(-0.5, 0.7), lambda x: x.clamp(-0.5, 0.7), [(2, 3)]),
    "prelu": (
        PRelu(SCALE), lambda x: functional.prelu(x.movedim(-1, 1), tensor(SCALE)).movedim(1, -1),
        [(4, 3)],
    ),
    "reshape": (Reshape((3, 2)), lambda x: x.reshape(-1, 3, 2), [(2, 3)]),
    "identity": (Identity("dropout"), lambda x: x * 1.0, [(2, 3)]),
    "permute": (Permute((2, 0, 1)), lambda x: x.permute(0, 3, 1, 2), [(2, 3, 4)]),
    "concat": (Concat(1), lambda *x: torch.cat(x, dim=2), [(2, 3), (2, 1), (2, 4)]),
    "pad": (
        Pad(((1, 0), (2, 3)), -1.5), lambda x: functional.pad(x, (2, 3, 1, 0), value=-1.5),
        [(2, 3)],
    ),
    "slice": (Slice((1, 0), (2, 2), (2, 3)), lambda x: x[:, 1:4:2, ::3], [(4, 5)]),
    "mean": (Reduce("mean", (0, 1)), lambda x: x.mean(dim=(1, 2)), [(3, 4, 5)]),
    "sum": (Reduce("sum", (1,), True), lambda x: x.sum(dim=2, keepdim=True), [(3, 4, 5)]),
    "max": (Reduce("max", (0, 2)), lambda x: x.amax(dim=(1, 3)), [(3, 4, 5)]),
    "softmax": (Softmax(), lambda x: x.softmax(-1), [(3, 4)]),
    "softmax of the first axis": (Softmax(0), lambda x: x.softmax(1), [(3, 4)]),
    "log softmax": (LogSoftmax(), lambda x: x.log_softmax(-1), [(7,)]),
    "log softmax of the first axis": (LogSoftmax(0), lambda x: x.log_softmax(1), [(3, 4)]),
    "layer norm": (
        LayerNorm(SCALE, SHIFT, 1e-5),
        lambda x: functional.layer_norm(x, (3,), tensor(SCALE), tensor(SHIFT), 1e-5),
        [(4, 3)],
    ),
    "layer norm of two axes": (
        LayerNorm(WEIGHT, WEIGHT + 1.0, 1e-3),
        lambda x: functional.layer_norm(x, (4, 6), tensor(WEIGHT), tensor(WEIGHT + 1.0), 1e-3),
        [(2, 4, 6)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str) -> None:
    op, function, shapes = CASES[name]
    check(op, function, *shapes)


@pytest.mark.parametrize("name", CASES)
def test_operator_of_one_row(name: str) -> None:
    op, function, shapes = CASES[name]
    check(op, function, *shapes, rows=1, generator=1)


CURVES_OF_TORCH: dict[str, tuple[tuple[float, ...], Callable[[torch.Tensor], torch.Tensor]]] = {
    "leaky_relu": ((0.1,), lambda x: functional.leaky_relu(x, 0.1)),
    "elu": ((1.5, 1.1), lambda x: 1.1 * functional.elu(x, 1.5)),
    # PyTorch's own celu and hardsigmoid round 1 / 1.7 and 1 / 6 to float32
    "celu": ((1.7,), lambda x: x.relu() - 1.7 * torch.relu(-torch.expm1(x / 1.7))),
    "sigmoid": ((), torch.sigmoid),
    "log_sigmoid": ((), functional.logsigmoid),
    "tanh": ((), torch.tanh),
    "hardsigmoid": ((), lambda x: functional.relu6(x + 3.0) / 6.0),
    "hardswish": ((), functional.hardswish),
    "silu": ((), functional.silu),
    "mish": ((), functional.mish),
    "gelu": ((), functional.gelu),
    "gelu_tanh": ((), lambda x: functional.gelu(x, approximate="tanh")),
    "softplus": ((2.0, 10.0), lambda x: functional.softplus(x, 2.0, 10.0)),
    "softsign": ((), functional.softsign),
    "exp": ((), torch.exp),
    "abs": ((), torch.abs),
}


@pytest.mark.parametrize("spread", [0.01, 1.0, 5.0])
@pytest.mark.parametrize("name", CURVES_OF_TORCH)
def test_curve(name: str, spread: float) -> None:
    parameters, function = CURVES_OF_TORCH[name]
    check(Activation(name, parameters), function, (200,), spread=spread)


def test_every_operator_and_function_has_a_rule_and_a_test() -> None:
    assert set(RULES) == set(FLOAT_OPERATORS)
    assert set(CURVES) == set(FUNCTIONS) == set(CURVES_OF_TORCH)


def test_argmax_is_the_lowest_index_of_the_largest_and_passes_no_gradient() -> None:
    graph = one_node(Argmax(0), (3,))
    rows = np.array([[1.0, 5.0, 5.0], [2.0, 2.0, 2.0]])
    outputs, gradient = value_and_gradient(graph, rows, np.ones((2,)))
    assert outputs.tolist() == [1.0, 0.0]
    assert not gradient.any()


def test_a_constant_is_the_same_in_every_row() -> None:
    value = np.array([[1.0, 2.0]])
    tensors = (Tensor("x", (3, 2)), Tensor("c", (1, 2)), Tensor("y", (3, 2)))
    nodes = (Node("c", Constant(value), (), ("c",)), Node("a", Mul(), ("x", "c"), ("y",)))
    graph = Graph(tensors, nodes, ("x",), ("y",))
    x = RANDOM.normal(size=(4, 3, 2))
    assert np.array_equal(forward(graph, x), x * value)
    assert evaluate(graph, x)["c"].shape == (4, 1, 2)
    _, gradient = value_and_gradient(graph, x, np.ones((4, 3, 2)))
    assert np.array_equal(gradient, np.broadcast_to(value, x.shape))
