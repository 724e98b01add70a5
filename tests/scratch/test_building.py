"""What a network may be built of, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from pyexport.errors import UsageError
from pyexport.scratch import (
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
from pyexport.scratch.kinds import KINDS
from pyexport.scratch.spiking import Encode, Lif, Readout


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Linear(0, 3),
        lambda: Linear(3, 3, init="ones"),
        lambda: Dropout(1.0),
        lambda: Sequential(ReLU()),
        lambda: Sequential(Linear(2, 3), Linear(4, 1)),
        lambda: Sequential(Linear(2, 3), engine="numpy"),
        lambda: Sequential(Linear(2, 3), input_bits=0),
        lambda: Linear(2, 3).weight,
        lambda: Sequential(Linear(2, 3), clip=3.0, engine="lists"),
        lambda: Linear(2, 3, gain=math.nan),
        lambda: Linear(2, 3, gain=math.inf),
        lambda: Linear(2, 3, gain=0.0),
        lambda: Linear(2, 3, gain=-1.0),
        lambda: LeakyReLU(math.nan),
        lambda: LeakyReLU(-math.inf),
        lambda: Dropout(math.nan),
    ],
)
def test_impossible_layers_and_networks_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as caught:
        wrong()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("layer", [Linear(2, 2), Dropout(0.5)])
def test_a_layer_with_a_state_belongs_to_one_network(layer: Any) -> None:
    Sequential(Linear(2, 2), layer)
    with pytest.raises(UsageError, match="already part of a network; make a new layer"):
        Sequential(Linear(2, 2), layer)


@pytest.mark.parametrize("layer", [Linear(2, 2), Dropout(0.5)])
def test_a_layer_with_a_state_stands_in_one_place(layer: Any) -> None:
    with pytest.raises(UsageError, match="already part of a network; make a new layer"):
        Sequential(Linear(2, 2), layer, ReLU(), layer)


def test_a_layer_without_a_state_may_be_shared() -> None:
    relu = ReLU()
    for _ in range(2):
        net = Sequential(Linear(2, 2), relu, Linear(2, 2), relu, engine="lists")
        assert min(net([0.5, -0.5])) >= 0.0


def test_a_dropout_outside_of_a_network_has_nothing_to_draw_from() -> None:
    assert Dropout(0.5).forward(Node([1.0]), training=False).data == [1.0]
    with pytest.raises(UsageError, match="in no network yet; give it to Sequential"):
        Dropout(0.5).forward(Node([1.0]), training=True)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Linear(2, 2), ReLU), r"layer 1 is the class ReLU; write ReLU\(\.\.\.\)"),
        ((Linear(2, 2), "relu"), "layer 1, 'relu', is no layer; give Linear, ReLU"),
        (([Linear(2, 2), ReLU()],), r"layer 0, \[Linear\(2, 2\), .* is no layer"),
        ((Linear(2, 2), None), "layer 1, None, is no layer"),
        ((), "at least one Linear layer; give it one"),
    ],
)
def test_what_is_no_layer_is_refused(layers: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Sequential(*layers)
    assert str(caught.value).isprintable()


def test_every_layer_has_a_name_in_files() -> None:
    assert {kind.make for kind in KINDS.values()} == {
        Linear, ReLU, LeakyReLU, Sigmoid, Tanh, Dropout, Softmax, Encode, Lif, Readout,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("weight", "bias"),
    [
        ([[1.0, 2.0]], [0.0]),
        ([[1.0], [2.0]], [0.0, 0.0]),
        ([[1.0, 2.0], [1.0, 2.0]], [0.0]),
        ([[1.0, float("nan")], [1.0, 2.0]], [0.0, 0.0]),
    ],
)
def test_unfitting_weights_are_refused(weight: list[list[float]], bias: list[float]) -> None:
    net = Sequential(Linear(2, 2))
    with pytest.raises(UsageError):
        net.linears[0].load(weight, bias)
