"""Numbers at the ends of their range: a clear error or a warning, never a traceback or silence."""

from __future__ import annotations

import copy
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pyexport.errors import PyexportError, UsageError
from pyexport.scratch import MLP, SGD, Linear, Sequential, Value, draw, load
from pyexport.scratch.backends.lanes import Lanes
from pyexport.scratch.backends.packed import ClippedWeightsWarning, LostStepsWarning
from pyexport.scratch.data import moons
from pyexport.scratch.training import Recipe, fit

ENGINES = ("value", "lists", "packed")


def test_steps_too_small_for_the_fixed_point_are_told() -> None:
    network = MLP(2, 16, 2, seed=1, input_bits=12)
    data = moons(512)
    optimizer = SGD(1e-4)  # times a gradient below 1, a 512th of it

    def train(steps: int) -> None:
        for _ in range(steps):
            network.step_batch(data.inputs, data.targets, loss="cross_entropy", optimizer=optimizer)

    with pytest.warns(LostStepsWarning, match="make batches smaller") as caught:
        train(40)
    assert len(caught) < 20  # each time the count has doubled, a layer
    before = network.linears[0].weight
    for row, target in data:
        network.step(row, target, loss="cross_entropy", optimizer=SGD(1e-2))
        break
    assert network.linears[0].weight != before


@pytest.mark.parametrize("rate", [1e20, 1e300, 1e308])
def test_huge_rates_are_refused(rate: float) -> None:
    network = MLP(3, 4, 2)
    with pytest.raises(PyexportError, match="lower the learning rate"):
        network.step([1.0, 1.0, 1.0], 0, loss="cross_entropy", optimizer=SGD(rate))


def test_a_huge_weight_is_clipped_as_any_other(tmp_path: Path) -> None:
    network = Sequential(Linear(3, 2), engine="lists")
    network.linears[0].load([[1e305, -1e305, 0.5], [0.0, 0.0, 0.0]], [0.0, 1e18])
    network.save(tmp_path / "big.pt", input_range=(-1.0, 1.0))
    with pytest.warns(ClippedWeightsWarning, match="3 weights"):
        packed = load(tmp_path / "big.pt", engine="packed")
    unit = 2.0**-20
    assert packed.linears[0].weight[0] == pytest.approx([4.0, -4.0, 0.5], abs=unit)


def test_only_the_weights_of_the_file_are_clipped(tmp_path: Path) -> None:
    network = Sequential(Linear(2, 2), seed=None, clip=1.0)
    network.linears[0].load([[0.5, 0.5], [0.5, 0.5]], [0.0, 0.0])
    network.save(tmp_path / "small.pt", input_range=(-1.0, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load(tmp_path / "small.pt")
    assert loaded.linears[0].weight == [[0.5, 0.5], [0.5, 0.5]]


def test_wide_lanes_are_made_at_once() -> None:
    lanes = Lanes(100_000, 5)
    assert lanes.numbers(lanes.ones)[::33_333] == [1, 1, 1, 1]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_can_be_copied(engine: str) -> None:
    network = MLP(2, 3, 2, engine=engine)
    twin = copy.deepcopy(network)
    twin.step([1.0, 2.0], 0, loss="mse", optimizer=SGD(0.1))
    assert twin([1.0, 2.0]) != network([1.0, 2.0])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("x", [[10**400, 0], [Decimal(1), 0], ["1", "2"], [1j, 0]])
def test_inputs_that_fit_no_float_are_refused(engine: str, x: Any) -> None:
    with pytest.raises(UsageError, match="numbers that fit a float"):
        MLP(2, 3, 2, engine=engine)(x)


@pytest.mark.parametrize("bits", [0, 16, 4.5])
def test_impossible_input_bits_are_refused(bits: Any) -> None:
    with pytest.raises(UsageError, match="input_bits"):
        MLP(2, 3, 2, input_bits=bits)


@pytest.mark.parametrize("clip", [0.25, 3.0, 2.0**40, float("nan")])
def test_impossible_clips_are_refused(clip: float) -> None:
    with pytest.raises(UsageError, match="use a power of two"):
        MLP(2, 3, 2, clip=clip)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes a Value"):
        draw(3.0, tmp_path / "x.svg")  # type: ignore[arg-type]
    with pytest.raises(PyexportError, match="cannot be written"):
        draw(Value(1.0), tmp_path / "a\0.svg")


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="skip_below is NaN"):
        MLP(2, 3, 2).step([1.0, 2.0], 0, loss="mse", optimizer=SGD(0.1), skip_below=float("nan"))


def test_validation_data_are_asked_for_before_training() -> None:
    data = moons(10)
    network = MLP(2, 3, 2)
    before = network.linears[0].weight
    with pytest.raises(UsageError, match="choose the weights by"):
        next(fit(network, data, data.part(0, 0), Recipe()))
    assert network.linears[0].weight == before
