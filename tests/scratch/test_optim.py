"""Optimizers against PyTorch, the same in both engines that have them, and schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from pyexport.errors import UsageError
from pyexport.scratch import (
    MLP,
    SGD,
    Adam,
    Sequential,
    constant,
    cosine_decay,
    linear_decay,
    step_decay,
)
from pyexport.scratch.backends.floats import FloatMatrix
from pyexport.scratch.schedules import Schedule

OPTIMIZERS: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
    "sgd": (lambda: SGD(0.1), "SGD", {"lr": 0.1}),
    "momentum": (lambda: SGD(0.1, momentum=0.9), "SGD", {"lr": 0.1, "momentum": 0.9}),
    "decay": (lambda: SGD(0.1, weight_decay=0.05), "SGD", {"lr": 0.1, "weight_decay": 0.05}),
    "momentum and decay": (
        lambda: SGD(0.1, momentum=0.5, weight_decay=0.05),
        "SGD",
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.05},
    ),
    "adam": (lambda: Adam(0.02), "Adam", {"lr": 0.02}),
    "adam with betas": (
        lambda: Adam(0.02, betas=(0.8, 0.95), epsilon=1e-6),
        "Adam",
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-6},
    ),
}


def batches() -> list[tuple[list[list[float]], list[int]]]:
    rng = Random(7)
    return [
        (
            [[rng.uniform(-1, 1) for _ in range(4)] for _ in range(3)],
            [rng.randrange(3) for _ in "abc"],
        )
        for _ in range(12)
    ]


@pytest.mark.parametrize("engine", ["value", "lists"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twelve_batches_move_the_weights_as_pytorch_does(engine: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    make, theirs, options = OPTIMIZERS[name]
    net = MLP(4, 5, 3, activation="tanh", seed=3, engine=engine)
    module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    module = module.to(torch.float64)
    with torch.no_grad():
        for linear, layer in zip((module[0], module[2]), net.linears, strict=True):
            linear.weight[:] = torch.tensor(layer.weight, dtype=torch.float64)
            linear.bias[:] = torch.tensor(layer.bias, dtype=torch.float64)
    ours, other = make(), getattr(torch.optim, theirs)(module.parameters(), **options)
    for inputs, targets in batches():
        loss = net.step_batch(inputs, targets, loss="cross_entropy", optimizer=ours)
        other.zero_grad()
        outputs = module(torch.tensor(inputs, dtype=torch.float64))
        expected = torch.nn.functional.cross_entropy(outputs, torch.tensor(targets))
        expected.backward()
        other.step()
        assert loss == pytest.approx(expected.item(), rel=1e-9)
    for linear, layer in zip((module[0], module[2]), net.linears, strict=True):
        for row, wanted in zip(layer.weight, linear.weight.tolist(), strict=True):
            assert row == pytest.approx(wanted, abs=1e-9)
        assert layer.bias == pytest.approx(linear.bias.tolist(), abs=1e-9)


def test_a_packed_batch_moves_the_weights_as_float_lists_do() -> None:
    nets = [MLP(4, 5, 3, seed=3, engine=engine, input_bits=15) for engine in ("packed", "lists")]
    for net in nets:
        optimizer = SGD(0.1)
        for inputs, targets in batches():
            net.step_batch(inputs, targets, loss="cross_entropy", optimizer=optimizer)
    for one, other in zip(*(net.linears for net in nets), strict=True):
        for row, wanted in zip((*one.weight, one.bias), (*other.weight, other.bias), strict=True):
            assert row == pytest.approx(wanted, abs=1e-3)


def test_samples_with_a_small_loss_are_skipped() -> None:
    net = MLP(2, 2, engine="lists")
    net.linears[0].load([[9.0, 0.0], [-9.0, 0.0]], [0.0, 0.0])
    before = net.linears[0].weight
    optimizer = SGD(0.1)
    for skip_below in (0.02, 0.0):
        loss = net.step(
            [1.0, 0.0], 0, loss="cross_entropy", optimizer=optimizer, skip_below=skip_below
        )
        assert 0.0 < loss < 0.02
        assert (net.linears[0].weight == before) == bool(skip_below)
    assert optimizer.steps == 1


@pytest.mark.parametrize("engine", ["lists", "packed"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_batch_is_stepped_if_one_of_its_losses_is_large(
    engine: str, order: tuple[int, int]
) -> None:
    net = MLP(2, 2, engine=engine, clip=16.0)
    net.linears[0].load([[9.0, 0.0], [-9.0, 0.0]], [0.0, 0.0])
    before = net.linears[0].weight
    rows = [[1.0, 0.0], [0.0, 1.0]]  # the first is known well, the second not at all
    optimizer = SGD(0.1)
    net.step_batch(
        [rows[k] for k in order], [0, 0], loss="cross_entropy", optimizer=optimizer, skip_below=0.02
    )
    assert optimizer.steps == 1
    after = net.linears[0].weight
    assert [row[0] for row in after] == [row[0] for row in before]  # no share of the known one
    assert [row[1] for row in after] == pytest.approx([0.025, -0.025], abs=1e-4)


@pytest.mark.parametrize("make", [lambda: SGD(0.1), lambda: SGD(0.1, momentum=0.9), Adam])
def test_an_optimizer_belongs_to_one_network(make: Callable[[], Any]) -> None:
    optimizer, nets = make(), [MLP(2, 2, engine="lists", seed=seed) for seed in (0, 0)]
    for _ in range(2):
        nets[0].step([0.5, 0.5], 0, loss="mse", optimizer=optimizer)
    before = nets[1].linears[0].weight
    with pytest.raises(UsageError, match=r"another network already.*an optimizer for each"):
        nets[1].step([0.5, 0.5], 0, loss="mse", optimizer=optimizer)
    assert nets[1].linears[0].weight == before
    assert optimizer.steps == 2
    nets[1].step([0.5, 0.5], 0, loss="mse", optimizer=make())  # nothing was left behind
    nets[0].step([0.5, 0.5], 0, loss="mse", optimizer=optimizer)


def test_a_refused_step_does_not_bind_an_optimizer() -> None:
    optimizer = Adam()
    with pytest.raises(UsageError, match="use the lists engine"):
        MLP(2, 2).step([0.5, 0.5], 0, loss="mse", optimizer=optimizer)
    MLP(2, 2, engine="lists").step([0.5, 0.5], 0, loss="mse", optimizer=optimizer)
    assert optimizer.steps == 1


def test_a_warning_made_an_error_does_not_stop_a_step_half_way() -> None:
    class Layer(FloatMatrix):
        def descend(self, rate: float) -> None:
            super().descend(rate)
            raise RuntimeWarning("weights were clipped")

    layers = [Layer([[1.0]], [0.0]) for _ in range(2)]
    for layer in layers:
        layer.outer([(0, 1.0)], [1.0])
    optimizer = SGD(0.25)
    with pytest.raises(RuntimeWarning, match="weights were clipped"):
        optimizer.step(layers)
    assert optimizer.steps == 1
    assert [layer.weight() for layer in layers] == [[[0.75]], [[0.75]]]
    assert [layer.bias() for layer in layers] == [[-0.25], [-0.25]]


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (constant(0.3), {0: 0.3, 10_000: 0.3}),
        (linear_decay(0.2, 0.1, steps=10), {0: 0.2, 5: 0.15, 10: 0.1, 99: 0.1}),
        (cosine_decay(0.2, 0.1, steps=10), {0: 0.2, 5: 0.15, 10: 0.1, 99: 0.1}),
        (step_decay(0.8, 0.5, every=3), {0: 0.8, 2: 0.8, 3: 0.4, 6: 0.2}),
    ],
)
def test_schedules_pass_through_their_points(schedule: Schedule, wanted: dict[int, float]) -> None:
    for step, rate in wanted.items():
        assert schedule(step) == pytest.approx(rate)


def test_the_schedule_counts_steps() -> None:
    seen: list[int] = []

    def schedule(step: int) -> float:
        seen.append(step)
        return 0.1

    optimizer = SGD(schedule)
    net: Sequential = MLP(2, 2)
    for _ in range(3):
        net.step([0.5, 0.5], 0, loss="mse", optimizer=optimizer)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SGD(0.0),
        lambda: SGD(math.nan),
        lambda: SGD(0.1, momentum=1.0),
        lambda: SGD(0.1, weight_decay=-1.0),
        lambda: Adam(betas=(0.9, 1.0)),
        lambda: Adam(betas=(math.nan, 0.9)),
        lambda: Adam(epsilon=math.nan),
        lambda: Adam(-0.1),
        lambda: linear_decay(0.1, 0.01, steps=0),
        lambda: step_decay(0.1, 0.5, every=0),
    ],
)
def test_impossible_settings_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        wrong()


@pytest.mark.parametrize("engine", ["value", "lists", "packed"])
@pytest.mark.parametrize("rate", [math.nan, math.inf, -0.1])
def test_a_schedule_that_leaves_the_rates_is_refused(engine: str, rate: float) -> None:
    net = MLP(2, 2, engine=engine)
    before = net.linears[0].weight
    with pytest.raises(UsageError, match="the learning rate of step 0"):
        net.step([0.5, 0.5], 0, loss="mse", optimizer=SGD(lambda step: rate))
    assert net.linears[0].weight == before
