"""The NumPy twin gives the definition's bytes and sums for drawn operators of every family."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.artifact import read_artifact, write_artifact
from pyexport.simulator import definition
from pyexport.simulator.fast import FastSimulator, trace_sizes
from pyexport.simulator.plain import read_plain
from scripts.kernel_cases.branches import FAMILIES, draw
from scripts.kernel_cases.zoo import artifact_of, rows_of


@pytest.mark.parametrize("family", FAMILIES)
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_it_is_the_definition(family: str, random: Random) -> None:
    graph = draw(random, family, 3).graph()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "zoo.px"
        path.write_bytes(write_artifact(artifact_of(graph)))
        model = read_plain(path)
        again = read_artifact(path).graph
    rows = rows_of(3, random.randrange(1000))
    result = FastSimulator(again).trace(rows)
    assert result.accumulators is not None
    assert result.accumulators.shape[1] == sum(trace_sizes(graph))
    for row, output, sums in zip(rows, result.outputs, result.accumulators, strict=True):
        defined = definition.run(model, row.tolist())
        assert defined.outputs == output.tolist()
        assert list(defined.accumulators.values()) == sums.tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_no_rows_give_no_rows(family: str) -> None:
    graph = draw(Random(f"none {family}"), family, 6).graph()
    result = FastSimulator(graph).trace(rows_of(3)[:0])
    assert result.accumulators is not None
    assert result.outputs.shape == (0, graph.output.size)
    assert result.accumulators.shape == (0, sum(trace_sizes(graph)))
