"""Rows for the integer softmax: errors of one unit in its reciprocal show in an output byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyexport
from pyexport.simulator.fast import FastSimulator
from pyexport.verify import SuiteOptions, build_suites
from pyexport.verify.softmax import ROWS, softmax_rows
from tests import networks
from tests.networks import Recipe

RECIPE = Recipe((8, 10), "none", softmax=True, seed=3)
SPOILED = {
    "the sum is not shortened to 16 bits": ("> 0xFFFFu", "> 0x1FFFFu"),
    "the shortened sum is not rounded": (
        "(total + ((UINT32_C(1) << shift) >> 1)) >> shift",
        "total >> shift",
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_softmax_that_is_off_by_one_unit_is_noticed(what: str, tmp_path: Path) -> None:
    pyexport.export(networks.build(RECIPE), tmp_path, "net")
    old, new = SPOILED[what]
    text = (tmp_path / "net.h").read_text()
    assert old in text
    (tmp_path / "net.h").write_text(text.replace(old, new))
    report = pyexport.verify(tmp_path / "net.h")
    assert report.targets[0].first is not None
    assert report.targets[0].first.node == "softmax0"
    differing = {c.suite: c.differing_rows for c in report.targets[0].comparisons}
    assert differing["extremes"] > 0


def test_the_chosen_rows_reach_long_sums_and_every_row_is_kept_once() -> None:
    exported = networks.export_recipe(RECIPE)
    graph = exported.artifact.graph
    candidates = np.unique(networks.device_rows(exported, 5000), axis=0)
    rows = softmax_rows(graph, candidates)
    assert len(np.unique(rows, axis=0)) == len(rows) <= ROWS
    traced = FastSimulator(graph).trace(rows).accumulators
    assert traced is not None
    assert (traced[:, -1] > 0xFFFF).sum() >= ROWS // 2


def test_without_an_integer_softmax_no_row_is_added() -> None:
    for recipe in (Recipe((8, 10)), Recipe((8, 3), softmax=True, scheme="float32")):
        artifact = networks.export_recipe(recipe).artifact
        assert len(softmax_rows(artifact.graph, np.zeros((5, 8), np.uint8))) == 0
        (suite,) = build_suites(artifact, ("extremes",), SuiteOptions(corners=0, random=5))
        assert len(suite.rows) == 2 * recipe.sizes[1]
