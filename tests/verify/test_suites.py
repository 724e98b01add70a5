"""Suites of inputs: legal, reproducible, and the extremes really are extreme."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pyexport.artifact import Artifact
from pyexport.errors import UsageError
from pyexport.ir import Dataset, QuantizedLinear
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import DEFAULT_SUITES, SuiteOptions, build_suites
from pyexport.verify.suites import input_limits
from tests import networks
from tests.networks import Recipe

SMALL = SuiteOptions(random=50, corners=300, dataset=30)
RECIPES = [
    Recipe((64, 32, 16, 10)),
    Recipe((9, 7, 3), "relu6", softmax=True, input_range=(-100.0, 100.0), seed=1),
    Recipe((9, 7, 3), "hardtanh", input_range=(-0.3, 2.7), whole=False, seed=2),
    Recipe((5, 4), "none", input_range=(5.0, 10.0), seed=3),
    Recipe((9, 7, 3), scheme="float32", input_range=(-1.0, 1.0), whole=False, seed=4),
    Recipe((1, 1), "none", seed=5),
    Recipe((1, 8, 1), seed=6),
]


def artifact_of(recipe: Recipe) -> Artifact:
    return networks.export_recipe(recipe).artifact


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_row_of_every_suite_is_legal(recipe: Recipe) -> None:
    artifact = artifact_of(recipe)
    low, high, dtype = input_limits(artifact.graph)
    suites = build_suites(artifact, DEFAULT_SUITES, SMALL)
    assert [suite.name for suite in suites] == list(DEFAULT_SUITES)
    for suite in suites:
        assert suite.rows.dtype == dtype
        assert suite.rows.shape[1:] == (artifact.graph.input.size,)
        assert suite.rows.min() >= low
        assert suite.rows.max() <= high


@pytest.mark.parametrize("recipe", RECIPES[:5:2])
def test_suites_are_reproducible_and_follow_the_seed(recipe: Recipe) -> None:
    artifact = artifact_of(recipe)
    first, again, other = (
        build_suites(artifact, ("random", "corners", "extremes"), options)
        for options in (SMALL, SMALL, SuiteOptions(random=50, corners=300, seed=1))
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.rows, b.rows)
    assert (first[0].rows != other[0].rows).any()
    assert (first[1].rows != other[1].rows).any()


def test_random_rows_reach_both_limits() -> None:
    artifact = artifact_of(RECIPES[0])
    (suite,) = build_suites(artifact, ("random",), SuiteOptions(random=400))
    assert set(np.unique(suite.rows)) == set(range(17))


def test_corners_hold_each_input_alone_at_either_limit() -> None:
    artifact = artifact_of(RECIPES[0])
    (suite,) = build_suites(artifact, ("corners",), SMALL)
    assert set(np.unique(suite.rows)) == {0, 16}
    rows = {row.tobytes() for row in suite.rows}
    for pixel, (background, value) in itertools.product(range(64), [(0, 16), (16, 0)]):
        row = np.full(64, background, dtype=suite.rows.dtype)
        row[pixel] = value
        assert row.tobytes() in rows
    assert len(suite.rows) == 300


def test_a_small_number_of_corners_still_holds_the_fixed_ones() -> None:
    (suite,) = build_suites(artifact_of(RECIPES[0]), ("corners",), SuiteOptions(corners=0))
    assert len(suite.rows) == 2 + 2 * 64


@pytest.mark.parametrize("recipe", RECIPES[:4])
def test_extremes_of_a_first_layer_are_the_proved_bounds(recipe: Recipe) -> None:
    artifact = artifact_of(recipe)
    op = artifact.graph.nodes[0].op
    assert isinstance(op, QuantizedLinear)
    (suite,) = build_suites(artifact, ("extremes",), SMALL)
    sums = FastSimulator(artifact.graph).trace(suite.rows).accumulators
    assert sums is not None
    first = sums[:, : len(op.bias)]
    np.testing.assert_array_equal(first.max(axis=0), op.acc_high)
    np.testing.assert_array_equal(first.min(axis=0), op.acc_low)


def test_extremes_of_deeper_layers_pass_every_random_row() -> None:
    artifact = artifact_of(RECIPES[0])
    extremes, random = build_suites(
        artifact, ("extremes", "random"), SuiteOptions(random=10_000, dataset=30)
    )
    simulator = FastSimulator(artifact.graph)
    most = simulator.trace(extremes.rows).accumulators
    usual = simulator.trace(random.rows).accumulators
    assert most is not None
    assert usual is not None
    deeper = slice(32, None)
    assert (most.max(axis=0)[deeper] > usual.max(axis=0)[deeper]).all()
    assert (most.min(axis=0)[deeper] < usual.min(axis=0)[deeper]).all()


def test_a_softmax_behind_the_layers_does_not_stop_the_extremes() -> None:
    artifact = artifact_of(RECIPES[1])
    (suite,) = build_suites(artifact, ("extremes",), SMALL)
    neurons = 2 * 7 + 2 * 3
    assert neurons < len(suite.rows) <= neurons + 200


def test_the_dataset_suite_holds_the_stored_rows() -> None:
    artifact = artifact_of(RECIPES[0])
    assert artifact.samples is not None
    (suite,) = build_suites(artifact, ("dataset",), SuiteOptions(dataset=7))
    np.testing.assert_array_equal(suite.rows, artifact.samples.inputs[:7])


def test_without_stored_rows_the_dataset_suite_is_left_out() -> None:
    model = networks.build(Recipe((4, 3)))
    bare = networks.chain(4, [n.op for n in model.graph.nodes], calibration=[[1, 2, 3, 4]])
    artifact = networks.export(bare).artifact
    names = [suite.name for suite in build_suites(artifact, DEFAULT_SUITES, SMALL)]
    assert names == ["random", "corners", "extremes"]
    with pytest.raises(UsageError, match="stores no evaluation data"):
        build_suites(artifact, ("dataset",), SMALL)


def test_unknown_suites_are_refused() -> None:
    with pytest.raises(UsageError, match="'fuzz' is unknown; use some of dataset, random"):
        build_suites(artifact_of(RECIPES[5]), ("random", "fuzz"), SMALL)


def test_a_dataset_of_the_users_replaces_the_stored_rows() -> None:
    from pyexport.verifying import with_dataset

    artifact = artifact_of(RECIPES[0])
    rows = Dataset(np.full((3, 64), 7.4))
    (suite,) = build_suites(with_dataset(artifact, rows), ("dataset",), SMALL)
    assert suite.rows.shape == (3, 64)
    assert (suite.rows == 7).all()
