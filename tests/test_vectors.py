"""The stored vectors: enough of them, the same each time, and they exercise the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pyexport.artifact import Samples
from pyexport.errors import UsageError
from pyexport.rows import tensor_limits
from pyexport.simulator.fast import FastSimulator
from pyexport.vectors import COUNT, check_finds, choose_vectors, deterministic_bytes
from tests.networks import DOZEN, Recipe, chain, export, export_recipe, layer
from tests.verify.saturating import saturating_model


@pytest.mark.parametrize("recipe", DOZEN, ids=str)
def test_there_are_16_legal_rows_with_the_simulators_outputs(recipe: Recipe) -> None:
    exported = export_recipe(recipe)
    graph, vectors = exported.artifact.graph, exported.artifact.vectors
    assert len(vectors.inputs) == len(vectors.outputs) >= 16
    assert np.isfinite(vectors.outputs).all()
    assert np.array_equal(FastSimulator(graph).run(vectors.inputs), vectors.outputs)
    assert (
        vectors.inputs.dtype
        == {"u8": np.uint8, "s8": np.int8, "f32": np.float32}[graph.input.dtype]
    )


def test_the_choice_is_the_same_each_time_and_needs_no_samples() -> None:
    artifact = export_recipe(Recipe((64, 32, 16, 10))).artifact
    again = choose_vectors(artifact.graph, artifact.samples)
    assert np.array_equal(again.inputs, artifact.vectors.inputs)
    assert len(choose_vectors(artifact.graph, None).inputs) == COUNT


def test_the_chosen_rows_reach_more_than_as_many_random_ones() -> None:
    artifact = export_recipe(Recipe((64, 32, 16, 10))).artifact
    simulator = FastSimulator(artifact.graph)
    random = np.random.default_rng(0).integers(0, 17, size=(COUNT, 64)).astype(np.uint8)
    chosen, other = simulator.trace(artifact.vectors.inputs), simulator.trace(random)
    assert chosen.accumulators is not None
    assert other.accumulators is not None
    span, other_span = np.ptp(chosen.accumulators, axis=0), np.ptp(other.accumulators, axis=0)
    assert span.mean() > 1.5 * other_span.mean()


def test_samples_of_few_rows_are_enough() -> None:
    artifact = export_recipe(Recipe((5, 4, 3))).artifact
    one = Samples(np.zeros((1, 5), np.uint8), None)
    assert len(choose_vectors(artifact.graph, one).inputs) == COUNT


def test_reproducible_bytes_are_a_hash_of_the_seed() -> None:
    assert deterministic_bytes("a", 5) == deterministic_bytes("a", 50)[:5]
    assert deterministic_bytes("a", 5) != deterministic_bytes("b", 5)
    assert len(deterministic_bytes("a", 33)) == 33
    assert deterministic_bytes("", 0) == b""


def test_the_chosen_rows_saturate_most_of_each_hidden_layer_on_both_sides() -> None:
    graph = export(saturating_model()).artifact.graph
    hidden = [graph.tensor(node.outputs[0]) for node in graph.nodes[:-1]]
    heads = [  # the network cut behind each hidden layer: its outputs are that layer's bytes
        replace(graph, nodes=graph.nodes[: i + 1], outputs=(tensor.name,))
        for i, tensor in enumerate(hidden)
    ]
    inputs = choose_vectors(graph, None).inputs
    random = np.random.default_rng(0).integers(0, 17, size=(COUNT, 64)).astype(np.uint8)
    for head, tensor in zip(heads, hidden, strict=True):
        assert tensor.quant is not None
        chosen, other = (FastSimulator(head).run(rows) for rows in (inputs, random))
        low, high = tensor.quant.low, tensor.quant.high
        reached = (chosen == low).any(axis=0) & (chosen == high).any(axis=0)
        by_chance = (other == low).any(axis=0) & (other == high).any(axis=0)
        assert reached.mean() >= 0.4
        assert reached.mean() > by_chance.mean()


def test_a_float_input_without_a_declared_range_takes_the_same_one_everywhere() -> None:
    exported = export(chain(3, [layer(3, 2)], input_range=None), scheme="float32")
    assert tensor_limits(exported.artifact.graph.input) == (-1.0, 1.0)
    inputs = exported.artifact.vectors.inputs
    assert inputs.min() == -1.0
    assert inputs.max() == 1.0


def test_finds_are_the_first_vectors_and_the_rest_is_chosen_for_what_is_new() -> None:
    artifact = export_recipe(Recipe((64, 32, 16, 10))).artifact
    random = np.random.default_rng(1).integers(0, 17, size=(20, 64)).astype(np.uint8)
    few, many = (choose_vectors(artifact.graph, artifact.samples, random[:n]) for n in (3, 20))
    assert (few.inputs[:3] == random[:3]).all() and len(few.inputs) == COUNT
    assert (many.inputs[: COUNT // 2] == random[: COUNT // 2]).all() and len(many.inputs) == COUNT
    assert not (many.inputs[COUNT // 2 :, None] == random[None]).all(axis=2).any()
    assert np.array_equal(FastSimulator(artifact.graph).run(many.inputs), many.outputs)


@pytest.mark.parametrize(
    ("finds", "why"),
    [
        (np.zeros((2, 5), np.uint8), "uint8 x 5"),
        (np.zeros((2, 64), np.float32), "float32 x 64"),
        (np.full((2, 64), 17, np.uint8), "leave the input's limits"),
    ],
)
def test_finds_of_another_export_are_refused(finds: np.ndarray, why: str) -> None:
    graph = export_recipe(Recipe((64, 32, 16, 10))).artifact.graph
    with pytest.raises(UsageError, match=why):
        check_finds(graph, finds, "finds.npz")
