"""The loop: every sample once an epoch, a rate that falls, the best look's weights at the end."""

import math
from dataclasses import replace

import pytest

from pyexport.errors import UsageError
from pyexport.scratch import MLP
from pyexport.scratch.data import Samples, moons, split
from pyexport.scratch.training import Recipe, accuracy, fit

TRAINING, VALIDATION = split(moons(120, 0.15, seed=1), (0.7, 0.3))
RECIPE = Recipe(epochs=6, rate=0.1, final_rate=0.01)


def network(seed: int = 0):
    return MLP(2, 8, 2, seed=seed, input_bits=12)


def weights(net) -> list:
    return [(layer.weight, layer.bias) for layer in net.linears]


def test_training_learns():
    net = network()
    looks = list(fit(net, TRAINING, VALIDATION, RECIPE))
    assert looks[-1].loss < looks[0].loss
    assert accuracy(net, VALIDATION) >= 0.85


def test_the_same_seed_gives_the_same_weights():
    nets = [network(), network(), network()]
    for net, recipe in zip(nets, (RECIPE, RECIPE, replace(RECIPE, seed=1)), strict=True):
        for _ in fit(net, TRAINING, VALIDATION, recipe):
            pass
    assert weights(nets[0]) == weights(nets[1])
    assert weights(nets[0]) != weights(nets[2])


@pytest.mark.parametrize(("looks", "batch"), [(1, 1), (4, 1), (3, 16)])
def test_looks_are_spread_over_each_epoch(looks, batch):
    recipe = replace(RECIPE, epochs=2, looks=looks, batch=batch)
    seen = list(fit(network(), TRAINING, VALIDATION, recipe))
    assert len(seen) == 2 * looks
    assert [look.samples for look in seen][looks - 1 :: looks] == [84, 168]
    assert seen[-1].epoch == 2.0
    assert [look.seconds for look in seen] == sorted(look.seconds for look in seen)


def test_the_best_look_is_the_one_that_stays():
    net = network()
    at_look = []
    for look in fit(net, TRAINING, VALIDATION, replace(RECIPE, epochs=12, rate=0.3, looks=3)):
        at_look.append((look.accuracy, weights(net)))
    best = max(share for share, _ in at_look)
    assert weights(net) == [w for share, w in at_look if share == best][-1]
    assert accuracy(net, VALIDATION) == best


def test_training_ends_in_eval_mode():
    net = network()
    for _ in fit(net, TRAINING, VALIDATION, RECIPE):
        assert net.training
    assert not net.training


def test_a_time_budget_ends_the_training():
    looks = list(
        fit(network(), TRAINING, VALIDATION, replace(RECIPE, epochs=100_000, time_budget=0.05))
    )
    assert looks[-1].samples < 100_000 * len(TRAINING)
    assert looks[-1].seconds >= 0.05


def test_samples_that_are_known_well_are_skipped():
    first, second = network(), network()
    for net, recipe in ((first, RECIPE), (second, replace(RECIPE, skip_below=1e9))):
        for _ in fit(net, TRAINING, VALIDATION, recipe):
            pass
    assert weights(second) == weights(network())
    assert weights(first) != weights(second)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch": 0},
        {"looks": 0},
        {"rate": 0.0},
        {"final_rate": 1.0},
        {"final_rate": 0.0},
        {"rate": float("nan")},
        {"time_budget": 0.0},
        {"loss": "none"},
    ],
)
def test_a_recipe_without_sense_is_refused(change):
    with pytest.raises(UsageError):
        replace(RECIPE, **change)


@pytest.mark.parametrize(
    ("training", "validation", "message"),
    [
        (Samples([], []), VALIDATION, "no samples to train on"),
        (TRAINING, Samples([], []), "no samples to choose the weights by"),
        (Samples([[0.0, 0.0]], [2]), VALIDATION, "training data: sample 0 has class 2"),
        (TRAINING, Samples([[0.0, 0.0]], [-1]), "validation data: sample 0 has class -1"),
    ],
)
def test_data_that_do_not_fit_are_refused(training, validation, message):
    with pytest.raises(UsageError, match=message):
        list(fit(network(), training, validation, RECIPE))


def test_one_output_is_trained_on_classes_by_hinge_alone():
    net = MLP(2, 8, 1, input_bits=12)
    for _ in fit(net, TRAINING, VALIDATION, replace(RECIPE, loss="hinge")):
        pass
    assert accuracy(net, VALIDATION) >= 0.8
    with pytest.raises(UsageError, match="train it with hinge"):
        list(fit(MLP(2, 1), TRAINING, VALIDATION, RECIPE))
    with pytest.raises(UsageError, match="tells 2 classes apart, 0 to 1"):
        list(fit(net, Samples([[0.0, 0.0]], [2]), VALIDATION, replace(RECIPE, loss="hinge")))


@pytest.mark.parametrize(
    "options",
    [
        {"rate": math.inf},
        {"rate": math.nan},
        {"final_rate": math.nan},
        {"skip_below": math.nan},
        {"time_budget": math.nan},
    ],
)
def test_recipes_of_no_numbers_are_refused(options):
    with pytest.raises(UsageError):
        Recipe(**options)
