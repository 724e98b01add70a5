"""Bounds of deep sums hold for every input, and are near what inputs reach."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.ir import Graph
from pyexport.pipeline import ExportOptions, export_model
from pyexport.rows import row_limits
from pyexport.simulator.fast import FastSimulator
from pyexport.verify.obligations import Obligation, obligations_of
from pyexport.verify.reachable import Reach, chain_before, excludes, farthest
from tests.networks import Recipe, build


@pytest.fixture(scope="module")
def graph() -> Graph:
    return export_model(build(Recipe((16, 12, 8, 5))), ExportOptions("digits")).artifact.graph


def one_of(graph: Graph, node: str, channel: int) -> Obligation:
    return next(o for o in obligations_of(graph) if (o.node, o.channel) == (node, channel))


@pytest.mark.parametrize(("name", "near"), [("linear1", 0.05), ("linear2", 1.0)])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_input_goes_beyond_a_bound(graph: Graph, name: str, near: float, sign: int) -> None:
    low, high = (limit.astype(np.int64) for limit in row_limits(graph))
    simulator, random = FastSimulator(graph), np.random.default_rng(1)
    drawn = random.integers(low, high, size=(20_000, len(low)), endpoint=True)
    corners = np.where(random.random((20_000, len(low))) < 0.5, low, high)
    rows = np.concatenate([drawn, corners]).astype(simulator.input_dtype)
    sums = simulator.trace(rows).accumulators
    node = next(n for n in graph.nodes if n.name == name)
    assert sums is not None
    for channel in range(3):
        owed = one_of(graph, name, channel)
        reach = farthest(graph, node, owed, sign, 20.0)
        most = int((sign * sums[:, owed.column].astype(np.int64)).max())
        assert reach.row is not None and ((reach.row >= low) & (reach.row <= high)).all()
        traced = simulator.trace(reach.row[None].astype(simulator.input_dtype)).accumulators
        assert traced is not None
        best = max(most, sign * int(traced[0, owed.column]))
        width = int(sums[:, owed.column].max()) - int(sums[:, owed.column].min())
        assert best <= sign * reach.bound <= best + near * width


def test_a_bound_excludes_only_what_lies_beyond_it() -> None:
    owed = Obligation("a", 0, 0, 0, 100, "")
    assert excludes(Reach(98.0, None), owed, 1) and not excludes(Reach(99.5, None), owed, 1)
    assert excludes(Reach(102.0, None), owed, -1) and not excludes(Reach(98.0, None), owed, -1)
    assert not excludes(Reach(np.inf, None), owed, 1)


def test_only_chains_of_linear_layers_are_asked_for(graph: Graph) -> None:
    assert [len(chain_before(graph, node) or ()) for node in graph.nodes] == [0, 1, 2]
