"""The fast simulator gives the definition's bytes and accumulators on generated models."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Clamp, Linear
from pyexport.pipeline import Export
from pyexport.simulator import definition
from pyexport.simulator.fast import CHUNK_ROWS, FastSimulator, argmax
from pyexport.simulator.plain import read_plain
from tests.networks import (
    Recipe,
    chain,
    chain_graph,
    device_rows,
    export,
    export_recipe,
    layer,
    recipes,
)


def assert_same_as_definition(exported: Export, count: int, seed: int = 0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exported.write(Path(folder))
        model = read_plain(Path(folder) / f"{exported.artifact.name}.px")
    rows = device_rows(exported, count, seed)
    result = FastSimulator(exported.artifact.graph).trace(rows)
    assert result.accumulators is not None
    for row, output, sums in zip(rows, result.outputs, result.accumulators, strict=True):
        defined = definition.run(model, row.tolist())
        assert defined.outputs == output.tolist()
        assert list(defined.accumulators.values()) == sums.tolist()
        assert definition.argmax(defined.outputs) == argmax(output[None])[0]


@given(recipes(), st.integers(0, 99))
@settings(max_examples=80)
def test_int8_networks(recipe: Recipe, seed: int) -> None:
    assert_same_as_definition(export_recipe(recipe), 8, seed)


@given(recipes("float32"), st.integers(0, 99))
@settings(max_examples=25)
def test_float32_networks(recipe: Recipe, seed: int) -> None:
    assert_same_as_definition(export_recipe(recipe), 4, seed)


def test_blocks_of_rows_join_without_a_seam() -> None:
    exported = export_recipe(Recipe((5, 4, 3)))
    rows = device_rows(exported, CHUNK_ROWS + 100)
    whole = FastSimulator(exported.artifact.graph).trace(rows)
    for block in (slice(0, 7), slice(CHUNK_ROWS - 3, CHUNK_ROWS + 3)):
        part = FastSimulator(exported.artifact.graph).trace(rows[block])
        assert np.array_equal(part.outputs, whole.outputs[block])
        assert whole.accumulators is not None
        assert part.accumulators is not None
        assert np.array_equal(part.accumulators, whole.accumulators[block])


def test_no_rows_give_no_rows() -> None:
    exported = export_recipe(Recipe((5, 4, 3)))
    result = FastSimulator(exported.artifact.graph).trace(np.zeros((0, 5), np.uint8))
    assert result.outputs.shape == (0, 3)
    assert result.accumulators is not None
    assert result.accumulators.shape == (0, 7)
    assert result.accumulators.dtype == np.int32


def test_sums_beyond_24_bits_stay_exact() -> None:
    signs = np.where(np.arange(700) % 2, 1.0, -1.0)
    op = Linear(np.array([signs, -signs]), np.ones(2))
    exported = export(chain(700, [op], input_range=(0.0, 255.0)))
    rows = np.where(signs > 0, 255, 0).astype(np.uint8)[None]
    traced = FastSimulator(exported.artifact.graph).trace(rows)
    assert traced.accumulators is not None
    assert traced.accumulators[0, 0] > 2**23
    assert_same_as_definition(exported, 20)


def test_an_illegal_byte_or_a_wrong_width_is_refused() -> None:
    exported = export_recipe(Recipe((3, 2), input_range=(0.0, 16.0)))
    simulator = FastSimulator(exported.artifact.graph)
    with pytest.raises(ValueError, match=r"outside 0\.\.16"):
        simulator.run(np.array([[0, 17, 0]], np.uint8))
    with pytest.raises(ValueError, match="takes 3 values"):
        simulator.run(np.zeros((2, 4), np.uint8))


def test_an_operator_it_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"n1.*clamp"):
        FastSimulator(chain_graph(2, [layer(2, 2), Clamp(0.0, 1.0)]))
