"""What every channel is owed, met exactly at layer entries and by search through the network."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.artifact import Artifact
from pyexport.fixedpoint import requantize_q15x
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.boundary import search_boundary
from pyexport.verify.obligations import Obligation, limits_of, obligations_of, windows_of
from pyexport.verify.suites import SuiteOptions, build_suites
from tests.networks import Recipe, export_recipe

RECIPE = Recipe((64, 32, 16, 10))


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return export_recipe(RECIPE).artifact


def unclamped(artifact: Artifact, owed: Obligation, acc: int) -> int:
    node = next(n for n in artifact.graph.nodes if n.name == owed.node)
    quant = artifact.graph.tensor(node.outputs[0]).quant
    op = node.op
    assert quant is not None
    c = owed.channel
    scaled = requantize_q15x(acc, int(op.multiplier[c]), int(op.shift[c]), op.pre_shift)  # type: ignore[attr-defined]
    return scaled + quant.zero_point


def test_obligations_lie_where_the_definition_turns(artifact: Artifact) -> None:
    for owed in obligations_of(artifact.graph):
        node = next(n for n in artifact.graph.nodes if n.name == owed.node)
        quant = artifact.graph.tensor(node.outputs[0]).quant
        assert quant is not None
        here, before, behind = (unclamped(artifact, owed, owed.acc + d) for d in (0, -1, 1))
        if owed.kind == "last saturating below":
            assert here < quant.low <= behind
        elif owed.kind == "first value above the lower limit":
            assert before < quant.low <= here
        elif owed.kind == "last value below the upper limit":
            assert here <= quant.high < behind
        elif owed.kind == "first saturating above":
            assert before <= quant.high < here
        elif "above a tie" in owed.kind or owed.kind.startswith("a tie"):
            assert before < here
        elif "below a tie" in owed.kind:
            assert here < behind


def test_no_sum_lies_nearer_to_a_tie_than_the_owed_one(artifact: Artifact) -> None:
    (node,) = (n for n in artifact.graph.nodes if n.name == "linear1")
    op, quant = node.op, artifact.graph.tensor(node.outputs[0]).quant
    assert quant is not None
    low, high = limits_of(artifact.graph, node.inputs[0])
    least, most = windows_of(node, artifact.graph)[3][1].span(low, high)
    sums = np.arange(max(least, 1), most + 1)
    scaled = sums * (int(op.multiplier[3]) << op.pre_shift)  # type: ignore[attr-defined]
    half = 1 << (15 + int(op.shift[3]))  # type: ignore[attr-defined]
    far = scaled % (2 * half) - half  # from the tie; 0 and above rounds up
    result = (scaled + half) // (2 * half)
    visible = (result > quant.low) & (result <= quant.high)
    above = far[(far >= 0) & visible].min()
    owed = [
        o
        for o in obligations_of(artifact.graph)
        if (o.node, o.channel) == ("linear1", 3)
        and o.kind in ("nearest above a tie, positive", "a tie, positive")
    ]
    assert owed
    best = min((o.acc * (int(op.multiplier[3]) << op.pre_shift)) % (2 * half) - half for o in owed)  # type: ignore[attr-defined]
    assert best == above


def test_the_search_meets_nearly_all_and_every_row_does_what_is_said(artifact: Artifact) -> None:
    (suite,) = build_suites(artifact, ("random",), SuiteOptions(random=1_000))
    found = search_boundary(artifact.graph, suite.rows)
    again = search_boundary(artifact.graph, suite.rows)
    np.testing.assert_array_equal(found.rows, again.rows)
    traced = FastSimulator(artifact.graph).trace(found.rows.astype(np.uint8)).accumulators
    assert traced is not None
    columns = [o.column for o in found.obligations]
    np.testing.assert_array_equal(traced[np.arange(len(columns)), columns], found.reached)
    assert found.hit.mean() >= 0.9
    first = np.array([o.node == "linear0" for o in found.obligations])
    assert found.hit[first].all()
    for number in np.flatnonzero(found.hit):
        low, high = found.possible[number]
        assert low <= found.obligations[number].acc <= high
    assert all(found.reason(int(i)) for i in np.flatnonzero(~found.hit))
