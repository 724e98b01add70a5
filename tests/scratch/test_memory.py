"""Training keeps no more memory the longer it runs, and leaves nothing to the garbage collector."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from pyexport.errors import UsageError
from pyexport.scratch import SGD, Adam, Dropout, Linear, ReLU, Sequential

X = bytes(range(0, 160, 40))


def growth(train: Callable[[int], None], warm_up: int, steps: int) -> int:
    """Return the bytes that `steps` more steps leave, with reference counts alone to free them."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        train(warm_up)
        before, _ = tracemalloc.get_traced_memory()
        train(steps)
        after, _ = tracemalloc.get_traced_memory()
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()
    return after - before


def network(engine: str) -> Sequential:
    net = Sequential(Linear(4, 3), ReLU(), Dropout(0.25), Linear(3, 2), engine=engine)
    net.train()
    return net


@pytest.mark.parametrize("engine", ["lists", "packed"])
def test_memory_does_not_grow_over_10_000_steps(engine: str) -> None:
    net, optimizer = Sequential(Linear(8, 6), ReLU(), Linear(6, 2), engine=engine), SGD(0.01)
    x = bytes(range(8))

    def train(count: int) -> None:
        for k in range(count):
            net.step(x, k % 2, loss="cross_entropy", optimizer=optimizer)

    assert growth(train, 200, 10_000) < 4096


@pytest.mark.parametrize(
    ("engine", "make", "batch", "steps"),
    [
        ("value", lambda: SGD(0.01), 1, 700),
        ("value", lambda: Adam(0.01), 3, 120),
        ("lists", lambda: SGD(0.01), 8, 250),
        ("lists", lambda: SGD(0.01, momentum=0.9), 1, 1500),
        ("lists", lambda: Adam(0.01), 1, 1500),
        ("lists", lambda: Adam(0.01), 8, 300),
        ("packed", lambda: SGD(0.01), 8, 300),
    ],
)
def test_memory_does_not_grow(engine: str, make: Callable[[], Any], batch: int, steps: int) -> None:
    net, optimizer = network(engine), make()
    targets = [k % 2 for k in range(batch)]

    def train(count: int) -> None:
        for _ in range(count):
            net.step_batch([X] * batch, targets, loss="cross_entropy", optimizer=optimizer)

    assert growth(train, 100, steps) < 2048


@pytest.mark.parametrize("engine", ["value", "lists", "packed"])
def test_questions_do_not_grow_memory(engine: str) -> None:
    net = network(engine)

    def ask(count: int) -> None:
        for _ in range(count):
            net.classify(X)
            net.value_and_gradient(X, loss="mse", target=1)

    assert growth(ask, 50, 250) < 2048


def test_steps_that_are_skipped_or_refused_do_not_grow_memory() -> None:
    net, optimizer = network("packed"), SGD(0.01)

    def train(count: int) -> None:
        for _ in range(count):
            net.step(X, 1, loss="mse", optimizer=optimizer, skip_below=1e9)
            with pytest.raises(UsageError, match="outside"):
                net.step_batch([X, X], [1, 2], loss="mse", optimizer=optimizer)

    assert growth_with_garbage(train, 20, 100) < 4096
    assert net.parameters[0].gradient()[1] == [0.0] * 3


def growth_with_garbage(train: Callable[[int], None], warm_up: int, steps: int) -> int:
    """Return the same where exceptions make cycles: what is left once these are collected."""
    tracemalloc.start()
    try:
        train(warm_up)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        train(steps)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before
