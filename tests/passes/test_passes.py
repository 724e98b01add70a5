"""Rewrites of the float graph: what each removes, what it must leave alone, and that none edits."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pyexport.ir import (
    Affine,
    Clamp,
    Graph,
    Identity,
    Linear,
    Node,
    Op,
    Reshape,
    Softmax,
    State,
    Tensor,
)
from pyexport.passes import PIPELINE, run_passes
from pyexport.passes.canonical_names import canonical_names
from pyexport.passes.drop_identity import drop_identity
from pyexport.passes.drop_reshapes import drop_reshapes
from pyexport.passes.fold_affine import fold_affine
from pyexport.passes.fuse_activation import fuse_activation
from pyexport.reference import forward
from tests.networks import chain_graph, layer

ROWS = np.random.default_rng(0).normal(size=(5, 6))


def affine(n: int, seed: int = 0) -> Affine:
    random = np.random.default_rng(seed)
    return Affine(random.normal(size=n), random.normal(size=n))


def busy_graph() -> Graph:
    return chain_graph(
        6,
        [
            Reshape((2, 3)), Reshape((6,)), affine(6), layer(6, 5, 1), Identity("dropout"),
            affine(5, 1), Clamp(0.0, math.inf), Clamp(-1.0, 6.0), layer(5, 3, 2), Softmax(),
        ],
    )  # fmt: skip


def snapshot(graph: Graph) -> list[Any]:
    ops = [
        {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(n.op).items()}
        for n in graph.nodes
    ]
    names = [(n.name, n.inputs, n.outputs, n.source, n.op.kind) for n in graph.nodes]
    return [graph.tensors, names, ops, graph.inputs, graph.outputs]


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def forked(ops: tuple[Op, Op], outputs: tuple[str, ...]) -> Graph:
    """Return linear -> t, and two operators that both read t."""
    tensors = tuple(Tensor(n, (6,)) for n in ("x", "t", "a", "b"))
    nodes = (
        Node("l", layer(6, 6), ("x",), ("t",)),
        Node("a", ops[0], ("t",), ("a",)),
        Node("b", ops[1], ("t",), ("b",)),
    )
    return Graph(tensors, nodes, ("x",), outputs)


@pytest.mark.parametrize("rewrite", PIPELINE, ids=lambda p: p.__name__)
def test_a_pass_leaves_its_input_alone(rewrite: Any) -> None:
    graph = busy_graph()
    before = snapshot(graph)
    rewrite(graph)
    assert snapshot(graph) == before


@pytest.mark.parametrize("rewrite", [*PIPELINE, run_passes], ids=lambda p: p.__name__)
def test_a_pass_keeps_the_function(rewrite: Any) -> None:
    graph = busy_graph()
    assert np.allclose(forward(rewrite(graph), ROWS), forward(graph, ROWS), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("rewrite", [*PIPELINE, run_passes], ids=lambda p: p.__name__)
def test_a_pass_done_twice_is_a_pass_done_once(rewrite: Any) -> None:
    once = rewrite(busy_graph())
    assert snapshot(canonical_names(rewrite(once))) == snapshot(canonical_names(once))


def test_the_pipeline_leaves_only_what_has_kernels() -> None:
    graph = run_passes(busy_graph())
    assert kinds(graph) == ["linear", "linear", "softmax"]
    first = graph.nodes[0].op
    assert isinstance(first, Linear)
    assert (first.low, first.high) == (0.0, 6.0)


def test_dropout_and_flatten_are_dropped_and_the_output_follows() -> None:
    graph = chain_graph(6, [layer(6, 4), Identity("dropout"), Reshape((2, 2))])
    graph = drop_reshapes(drop_identity(graph))
    assert kinds(graph) == ["linear"]
    assert graph.outputs == ("t0",)
    assert [t.name for t in graph.tensors] == ["x", "t0"]


def test_an_affine_after_a_linear_layer_is_folded_in_float64() -> None:
    linear, bn = layer(6, 4), affine(4)
    (node,) = fold_affine(chain_graph(6, [linear, bn])).nodes
    assert isinstance(node.op, Linear)
    weight, bias = linear.weight.astype(np.float64), linear.bias.astype(np.float64)
    assert np.array_equal(node.op.weight, weight * bn.scale[:, None])
    assert np.array_equal(node.op.bias, bias * bn.scale + bn.shift)


def test_an_affine_before_a_linear_layer_is_folded_in_float64() -> None:
    linear, bn = layer(6, 4), affine(6)
    (node,) = fold_affine(chain_graph(6, [bn, linear])).nodes
    assert isinstance(node.op, Linear)
    weight = linear.weight.astype(np.float64)
    assert np.array_equal(node.op.weight, weight * bn.scale)
    assert np.allclose(node.op.bias, linear.bias + weight @ bn.shift, rtol=1e-15)


def test_an_affine_behind_an_activation_goes_into_the_next_layer() -> None:
    graph = chain_graph(6, [layer(6, 5), Clamp(0.0, math.inf), affine(5), layer(5, 2)])
    folded = run_passes(graph)
    assert kinds(folded) == ["linear", "linear"]
    assert np.allclose(forward(folded, ROWS), forward(graph, ROWS))


def test_an_affine_is_not_folded_into_a_tensor_that_others_read() -> None:
    graph = forked((affine(6), Clamp(0.0, 1.0)), ("a", "b"))
    assert kinds(fold_affine(graph)) == ["linear", "affine", "clamp"]


def test_an_affine_is_not_folded_into_an_output() -> None:
    graph = replace(chain_graph(6, [layer(6, 6), affine(6)]), outputs=("t0", "t1"))
    assert kinds(fold_affine(graph)) == ["linear", "affine"]


def test_an_affine_of_channels_is_folded_into_the_layer_behind_a_flatten() -> None:
    graph = chain_graph(6, [Reshape((2, 3)), affine(3), Reshape((6,)), layer(6, 2)])
    folded = run_passes(graph)
    assert kinds(folded) == ["linear"]
    assert np.allclose(forward(folded, ROWS), forward(graph, ROWS), rtol=1e-13)


def test_relu6_becomes_the_limits_of_its_layer() -> None:
    (node,) = fuse_activation(chain_graph(6, [layer(6, 4), Clamp(0.0, 6.0)])).nodes
    assert isinstance(node.op, Linear)
    assert (node.op.low, node.op.high) == (0.0, 6.0)
    assert node.outputs == ("t1",)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [((0, 6), (1, 9), (1, 6)), ((0, 1), (2, 3), (2, 2)), ((-5, 5), (-1, 1), (-1, 1))],
)
def test_clamps_in_a_row_become_one(first: Any, second: Any, wanted: Any) -> None:
    (node,) = fuse_activation(chain_graph(6, [Clamp(*first), Clamp(*second)])).nodes
    assert isinstance(node.op, Clamp)
    assert (node.op.low, node.op.high) == wanted


def test_a_clamp_is_not_fused_into_a_tensor_that_others_read() -> None:
    graph = forked((Clamp(0.0, 1.0), Clamp(0.0, 2.0)), ("a", "b"))
    assert kinds(fuse_activation(graph)) == ["linear", "clamp", "clamp"]


def test_canonical_names_do_not_depend_on_the_source() -> None:
    graph = busy_graph()
    renamed = Graph(
        tuple(replace(t, name=f"other_{t.name}") for t in graph.tensors),
        tuple(
            replace(
                n,
                name=f"m.{n.name}",
                inputs=tuple(f"other_{i}" for i in n.inputs),
                outputs=tuple(f"other_{o}" for o in n.outputs),
            )
            for n in graph.nodes
        ),
        ("other_x",),
        tuple(f"other_{o}" for o in graph.outputs),
    )
    assert snapshot(run_passes(renamed)) == snapshot(run_passes(graph))
    names = [n.name for n in canonical_names(chain_graph(6, [layer(6, 4), layer(4, 2)])).nodes]
    assert names == ["linear0", "linear1"]
    graph = run_passes(graph)
    assert [t.name for t in graph.tensors] == ["input", "linear0_out", "linear1_out", "output"]


def test_a_state_written_by_an_identity_is_written_by_its_source() -> None:
    graph = chain_graph(6, [layer(6, 6), Identity("dropout")])
    graph = replace(
        graph,
        tensors=(*graph.tensors, Tensor("old", (6,))),
        outputs=("t0",),
        states=(State("memory", "old", "t1"),),
    )
    assert drop_identity(graph).states == (State("memory", "old", "t0"),)
