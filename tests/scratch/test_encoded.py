"""Inputs that are encoded once: the same bits as the inputs they were made of, and no other."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch import MLP, SGD, Dropout, Linear, ReLU, Sequential
from pyexport.scratch.data import Samples
from pyexport.scratch.training import Recipe, fit

ENGINES = ("value", "lists", "packed")
PIXELS = bytes(Random(1).choices((0, 0, 3, 16, 17, 200, 255), k=20))
NUMBERS = [Random(2).gauss(0, 0.5) for _ in range(20)]


def trained(network: Sequential, x: Any) -> object:
    """Return all that a few calls on x give."""
    network.train()
    optimizer = SGD(0.05)
    losses = [
        network.step_batch([x, x], [1, 2], loss="cross_entropy", optimizer=optimizer)
        for _ in range(3)
    ]
    network.eval()
    gradient = network.value_and_gradient(x, loss="mse", target=0)
    layers = [(layer.weight, layer.bias) for layer in network.linears]
    return losses, gradient, network(x), network.classify(x), layers


@pytest.mark.parametrize("bits", [4, 7, 8])
@pytest.mark.parametrize("x", [PIXELS, bytearray(PIXELS), NUMBERS], ids=["pixels", "array", "list"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_encoded_input_gives_the_same_bits(engine: str, x: Any, bits: int) -> None:
    plain, encoded = (MLP(20, 6, 3, engine=engine, input_bits=bits) for _ in range(2))
    assert trained(encoded, encoded.encode(x)) == trained(plain, x)


def test_an_encoded_input_suits_networks_of_the_same_kind_only() -> None:
    encoded = MLP(20, 6, 3).encode(PIXELS)
    assert MLP(20, 6, 3).encode(encoded) is encoded
    assert len(MLP(20, 6, 3, seed=4)(encoded)) == 3
    for other in (MLP(20, 6, 3, input_bits=4), MLP(20, 6, 3, engine="lists"), MLP(21, 6, 3)):
        with pytest.raises(UsageError, match="network of another kind"):
            other(encoded)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_encoded_input_is_a_copy(engine: str) -> None:
    network = MLP(2, 6, 3, engine=engine)
    x = [0.5, 0.25]
    encoded = network.encode(x)
    x[0] = 3e7
    assert network(encoded) == network([0.5, 0.25])


@pytest.mark.parametrize("engine", ["value", "lists"])
def test_an_encoded_input_of_another_size_is_refused(engine: str) -> None:
    encoded = MLP(21, 6, 3, engine=engine).encode(bytes(21))
    with pytest.raises(UsageError, match="network of another kind"):
        MLP(20, 6, 3, engine=engine)(encoded)


def test_an_input_is_checked_when_it_is_encoded() -> None:
    network = MLP(2, 6, 3)
    with pytest.raises(UsageError, match="takes 2 inputs, not 3"):
        network.encode([1.0, 2.0, 3.0])
    with pytest.raises(UsageError, match="NaN"):
        network.encode([1.0, float("nan")])
    with pytest.raises(InvalidModelError, match="add up to more than 64"):
        network.encode([1000.0, 1000.0])


def test_a_network_that_starts_with_dropout_takes_encoded_inputs() -> None:
    network = Sequential(Dropout(0.5), Linear(20, 6), ReLU(), Linear(6, 3))
    assert network(network.encode(PIXELS)) == network(PIXELS)


def test_more_epochs_start_with_the_bits_of_one() -> None:
    rng = Random(3)
    rows = [bytes(rng.choices(range(256), k=20)) for _ in range(30)]
    samples = Samples(rows, [sum(row) % 3 for row in rows])
    firsts = []
    for epochs in (1, 2):
        network = MLP(20, 6, 3, input_bits=4)
        recipe = Recipe(epochs=epochs, rate=0.05, final_rate=0.05)
        firsts.append(next(fit(network, samples, samples, recipe)).loss)
    assert firsts[0] == firsts[1]
