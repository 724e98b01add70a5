"""Layers and losses in three engines: against each other, central differences and PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from pyexport.errors import InvalidModelError
from pyexport.scratch import (
    LOSSES,
    SGD,
    Dropout,
    LeakyReLU,
    Linear,
    Node,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from pyexport.scratch.losses import hinge

MIDDLES: dict[str, Callable[[], Any]] = {
    "relu": ReLU,
    "leaky relu": lambda: LeakyReLU(0.2),
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softmax": Softmax,
    "dropout": lambda: Dropout(0.4),
}
TARGETS: list[tuple[str, Any]] = [
    ("cross_entropy", 2),
    ("rmse", 1),
    ("rmse", [0.5, -0.25, 1.5]),
    ("mse", [0.5, -0.25, 1.5]),
    ("hinge", 0),
]
SIZES = (5, 4, 3)


def make(engine: str, middle: Callable[[], Any], seed: int = 1) -> Sequential:
    """Return a 5-4-3 network in training mode."""
    net = Sequential(Linear(5, 4), middle(), Linear(4, 3), seed=seed, engine=engine)
    net.train()
    return net


def sample(seed: int = 0) -> list[float]:
    rng = Random(seed)
    return [rng.uniform(-1, 1) for _ in range(5)]


def weight_gradients(net: Sequential, x: list[float], loss: str, target: Any) -> list[float]:
    """Return d loss / d every parameter, read off a step of plain SGD with rate 1."""
    before = flat(net)
    net.step(x, target, loss=loss, optimizer=SGD(1.0))
    return [b - a for b, a in zip(before, flat(net), strict=True)]


def flat(net: Sequential) -> list[float]:
    return [w for layer in net.linears for row in (*layer.weight, layer.bias) for w in row]


@pytest.mark.parametrize("middle", MIDDLES)
@pytest.mark.parametrize(("loss", "target"), TARGETS)
def test_lists_agree_with_scalar_values(middle: str, loss: str, target: Any) -> None:
    nets = [make(engine, MIDDLES[middle]) for engine in ("value", "lists")]
    first, second = (weight_gradients(net, sample(), loss, target) for net in nets)
    assert first == pytest.approx(second, rel=1e-9, abs=1e-12)
    nets = [make(engine, MIDDLES[middle]) for engine in ("value", "lists")]
    (one, dx), (two, dy) = (
        net.value_and_gradient(sample(), loss=loss, target=target) for net in nets
    )
    assert one == pytest.approx(two, rel=1e-12)
    assert dx == pytest.approx(dy, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("engine", ["value", "lists"])
@pytest.mark.parametrize("middle", [name for name in MIDDLES if name != "dropout"])
@pytest.mark.parametrize(("loss", "target"), TARGETS)
def test_input_gradients_match_central_differences(
    engine: str, middle: str, loss: str, target: Any
) -> None:
    net, x, step = make(engine, MIDDLES[middle]), sample(), 1e-6
    _, gradient = net.value_and_gradient(x, loss=loss, target=target)
    for i, slope in enumerate(gradient):
        ends = []
        for sign in (1.0, -1.0):
            moved = [value + sign * step * (k == i) for k, value in enumerate(x)]
            ends.append(net.value_and_gradient(moved, loss=loss, target=target)[0])
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("middle", [name for name in MIDDLES if name != "dropout"])
@pytest.mark.parametrize(("loss", "target"), TARGETS)
def test_lists_agree_with_pytorch(middle: str, loss: str, target: Any) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    theirs_by_name = {
        "relu": torch.relu,
        "leaky relu": lambda v: functional.leaky_relu(v, 0.2),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softmax": lambda v: torch.softmax(v, dim=-1),
    }
    net = make("lists", MIDDLES[middle])
    tensors = [
        torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
        for layer in net.linears
        for numbers in (layer.weight, layer.bias)
    ]
    x = torch.tensor(sample(), dtype=torch.float64, requires_grad=True)
    hidden = theirs_by_name[middle](functional.linear(x, tensors[0], tensors[1]))
    outputs = functional.linear(hidden, tensors[2], tensors[3])
    label = torch.tensor(target) if isinstance(target, int) else None
    wanted = torch.tensor(target, dtype=torch.float64)
    if isinstance(target, int) and loss in ("rmse", "mse"):
        wanted = functional.one_hot(label, 3).to(torch.float64)
    value = {
        "cross_entropy": lambda: functional.cross_entropy(outputs, label),
        "mse": lambda: functional.mse_loss(outputs, wanted),
        "rmse": lambda: functional.mse_loss(outputs, wanted).sqrt(),
        "hinge": lambda: functional.multi_margin_loss(outputs, label),
    }[loss]()
    value.backward()
    ours, gradient = net.value_and_gradient(sample(), loss=loss, target=target)
    assert ours == pytest.approx(value.item(), rel=1e-12)
    assert gradient == pytest.approx(x.grad.tolist(), rel=1e-9, abs=1e-12)
    expected = [number for tensor in tensors for number in tensor.grad.flatten().tolist()]
    # A step of rate 1 moves each weight by its gradient, rounded at the size of the weight.
    assert weight_gradients(net, sample(), loss, target) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("engine", ["value", "lists", "packed"])
@pytest.mark.parametrize(("side", "slope"), [(1, -1.0), (-1, 1.0)])
def test_hinge_on_one_output_takes_a_side(engine: str, side: int, slope: float) -> None:
    net = Sequential(Linear(1, 1), seed=0, engine=engine)
    net.linears[0].load([[0.5]], [0.0])
    loss, gradient = net.value_and_gradient([0.25], loss="hinge", target=side)
    assert loss == 1.0 - side * 0.125
    assert gradient == [0.5 * slope]
    net.linears[0].load([[3.0]], [0.0])
    assert net.value_and_gradient([side * 1.0], loss="hinge", target=side) == (0.0, [0.0])


@pytest.mark.parametrize("engine", ["value", "lists"])
def test_rmse_of_a_perfect_answer_has_no_gradient(engine: str) -> None:
    net = Sequential(Linear(2, 2), engine=engine)
    net.linears[0].load([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    result = net.value_and_gradient([0.5, 0.25], loss="rmse", target=[0.5, 0.25])
    assert result == (0.0, [0.0, 0.0])


@pytest.mark.parametrize("engine", ["value", "lists", "packed"])
def test_all_zero_hidden_vectors_train(engine: str) -> None:
    net = Sequential(Linear(2, 2), ReLU(), Linear(2, 2), engine=engine)
    net.linears[0].load([[-1.0, -1.0], [-1.0, 0.0]], [0.0, 0.0])
    before = net.linears[0].weight
    loss = net.step([0.5, 0.5], 0, loss="cross_entropy", optimizer=SGD(0.1))
    assert loss > 0.0
    assert net.linears[0].weight == before  # dead units: nothing flows back
    assert net.linears[1].bias[0] > 0.0 > net.linears[1].bias[1]


def test_dropout_works_in_training_only() -> None:
    net = Sequential(Dropout(0.5), Linear(50, 1), engine="lists")
    x = [1.0] * 50
    steady = net(x)
    assert net(x) == steady
    net.train()
    assert len({net(x)[0] for _ in range(5)}) > 1
    net.eval()
    assert net(x) == steady


def test_dropout_keeps_the_mean() -> None:
    net = Sequential(Dropout(0.25), Linear(2000, 1), engine="lists")
    net.linears[0].load([[1.0 / 2000] * 2000], [0.0])
    net.train()
    mean = net([1.0] * 2000)[0]
    assert mean == pytest.approx(1.0, abs=0.05)


def test_cross_entropy_takes_the_inputs_of_a_last_softmax() -> None:
    plain = Sequential(Linear(3, 3), seed=4, engine="lists")
    ending = Sequential(Linear(3, 3), Softmax(), seed=4, engine="lists")
    x = [0.5, -1.0, 0.25]
    results = [net.value_and_gradient(x, loss="cross_entropy", target=1) for net in (plain, ending)]
    assert results[0] == results[1]
    assert sum(ending(x)) == pytest.approx(1.0)


def test_every_loss_is_tested_here() -> None:
    assert {loss for loss, _ in TARGETS} == set(LOSSES)


def test_relu_keeps_nan_for_the_loss_to_refuse() -> None:
    assert math.isnan(Node([math.nan]).relu().data[0])


@pytest.mark.parametrize("outputs", [[math.nan], [0.0, math.nan], [math.nan, 0.0]])
def test_hinge_refuses_nan(outputs: list[float]) -> None:
    with pytest.raises(InvalidModelError, match="NaN or infinite"):
        hinge(outputs, 1)
