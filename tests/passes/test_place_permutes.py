"""Permutations are carried away without a change of the function, and what stays is explicit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.frontends.channels import on_image
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.ir import (
    CHANNELS_FIRST,
    Activation,
    Add,
    Affine,
    Clamp,
    Concat,
    Conv2d,
    Graph,
    LayerNorm,
    Linear,
    MaxPool2d,
    Mul,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Reshape,
    Slice,
    Softmax,
)
from pyexport.layout import to_device, to_user
from pyexport.passes import run_passes
from pyexport.passes.place_permutes import place_permutes
from pyexport.passes.regrouped import regrouped
from pyexport.reference import forward


def same_function(graph: Graph, seed: int = 0) -> Graph:
    """Return the graph behind all passes, after comparing it and place_permutes alone with it."""
    x = np.random.default_rng(seed).normal(size=(3, *graph.input.shape))
    expected = forward(graph, x)
    for rewritten in (place_permutes(graph), run_passes(graph)):
        y = to_user(forward(rewritten, to_device(x, rewritten.input)), rewritten.output)
        assert np.allclose(y.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)
    return run_passes(graph)


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def conv(n_in: int, n_out: int, seed: int = 0) -> Conv2d:
    random = np.random.default_rng(seed)
    return Conv2d(random.normal(size=(n_out, 3, 3, n_in)), random.normal(size=n_out), pad=(1,) * 4)


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Draw a channels-first network of operators that a user would write in any order."""
    shape = draw(st.tuples(*(st.integers(1, 4) for _ in range(3))))
    builder = GraphBuilder(shape)
    values = [builder.input]
    random = np.random.default_rng(draw(st.integers(0, 100)))
    for _ in range(draw(st.integers(1, 8))):
        values.append(_drawn(draw, builder, values, random))
    return builder.finish(values[-1])


def _drawn(draw: Any, builder: GraphBuilder, values: list[Value], random: Any) -> Value:
    x = draw(st.sampled_from(values[-2:]))
    rank, last = len(x.shape), x.shape[-1]
    choices = ["activation", "affine", "prelu", "softmax", "pair", "scale", "permute"]
    choices += ["concat", "pad", "slice", "layer_norm", "regroup"]
    choices += ["conv", "conv", "conv", "pool"] if rank == 3 else []
    choices += ["reduce", "flatten"] if rank > 1 else []
    axis = draw(st.integers(0, rank - 1))
    match draw(st.sampled_from(choices)):
        case "conv":
            return on_image(builder, conv(x.shape[0], draw(st.integers(1, 3))), x, "conv")
        case "pool":
            return on_image(builder, MaxPool2d((1, 1), (2, 2)), x, "pool")
        case "activation":
            op: Any = draw(st.sampled_from([Clamp(-0.5, 0.5), Activation("tanh")]))
        case "affine":
            op = Affine(random.normal(size=last), random.normal(size=last))
        case "prelu":
            op = PRelu(random.normal(size=last))
        case "softmax":
            op = Softmax(axis)
        case "pair":
            same = [v for v in values if v.shape == x.shape]
            return builder.apply(Add(), (x, draw(st.sampled_from(same))), "")[0]
        case "scale":
            shape = tuple(n if draw(st.booleans()) else 1 for n in x.shape)
            factor = builder.constant(random.normal(size=shape[draw(st.integers(0, rank)) :]), "")
            pair = (x, factor) if draw(st.booleans()) else (factor, x)
            return builder.apply(Mul(), pair, "")[0]
        case "permute":
            op = Permute(tuple(draw(st.permutations(range(rank)))))
        case "concat":
            return builder.apply(Concat(axis), (x, x), "")[0]
        case "pad":
            op = Pad(tuple((1, 0) if i == axis else (0, 0) for i in range(rank)), 0.3)
        case "slice":
            starts = tuple(n - 1 if i == axis else 0 for i, n in enumerate(x.shape))
            sizes = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
            op = Slice(starts, sizes, (1,) * rank)
        case "layer_norm":
            op = LayerNorm(random.normal(size=last), random.normal(size=last), 0.1)
        case "reduce":
            op = Reduce("mean", (axis,), draw(st.booleans()))
        case "flatten":
            op = Reshape((int(np.prod(x.shape)),))
        case _:
            shapes = [(1, *x.shape), (*x.shape, 1), (int(np.prod(x.shape[:-1])) or 1, last)]
            op = Reshape(draw(st.sampled_from([s for s in shapes if len(s) <= 3] or [x.shape])))
    return builder.apply(op, (x,), "")[0]


@settings(max_examples=300, deadline=None)
@given(networks(), st.integers(0, 50))
def test_any_network_keeps_its_function(graph: Graph, seed: int) -> None:
    same_function(graph, seed)


@settings(max_examples=300)
@given(st.data())
def test_a_regrouped_reshape_is_the_reshape_of_the_permuted(data: Any) -> None:
    stored = tuple(data.draw(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4)))
    axes = tuple(data.draw(st.permutations(range(len(stored)))))
    size = int(np.prod(stored))
    target: list[int] = []
    while size > 1 and len(target) < 4:
        target.append(data.draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0])))
        size //= target[-1]
    shape = (*target, size)
    x = np.arange(np.prod(stored)).reshape(stored)
    found = regrouped(stored, axes, shape)
    if found is not None:
        inner, order = found
        assert np.array_equal(x.reshape(inner).transpose(order), x.transpose(axes).reshape(shape))


@pytest.mark.parametrize(
    ("stored", "axes", "shape", "expected"),
    [
        ((4, 5, 3), (2, 0, 1), (3, 20), ((20, 3), (1, 0))),  # pixels of an image together
        ((4, 5, 3), (2, 0, 1), (12, 5), None),  # channels and rows do not lie side by side
        ((6,), (0,), (6, 1, 1), ((6, 1, 1), (0, 1, 2))),
        ((4, 5, 6), (2, 0, 1), (2, 3, 4, 5), ((4, 5, 2, 3), (2, 3, 0, 1))),  # channels in groups
    ],
)
def test_a_reshape_is_regrouped_where_its_axes_lie_side_by_side(
    stored: Any, axes: Any, shape: Any, expected: Any
) -> None:
    assert regrouped(stored, axes, shape) == expected


def test_an_image_is_turned_at_the_user_and_not_on_the_device() -> None:
    builder = GraphBuilder((3, 4, 5))
    y = on_image(builder, conv(3, 2), builder.input, "")
    graph = same_function(builder.finish(on_image(builder, conv(2, 2, 1), y, "")))
    assert kinds(graph) == ["conv2d", "conv2d"]
    assert (graph.input.shape, graph.input.layout) == ((4, 5, 3), CHANNELS_FIRST)
    assert (graph.output.shape, graph.output.layout) == ((4, 5, 2), CHANNELS_FIRST)


def test_a_flatten_turns_the_columns_of_the_linear_layer() -> None:
    builder = GraphBuilder((3, 4, 5))
    y = on_image(builder, conv(3, 2), builder.input, "")
    flat = builder.apply(Reshape((40,)), (y,), "")[0]
    weight = np.random.default_rng(1).normal(size=(6, 40))
    graph = same_function(
        builder.finish(builder.apply(Linear(weight, np.zeros(6)), (flat,), "")[0])
    )
    assert kinds(graph) == ["conv2d", "linear"]
    turned = weight.reshape(6, 2, 4, 5).transpose(0, 2, 3, 1).reshape(6, 40)
    assert np.array_equal(graph.nodes[1].op.weight, turned)  # type: ignore[attr-defined]


def test_a_network_without_images_keeps_the_order_of_its_input() -> None:
    builder = GraphBuilder((3, 4, 5))
    flat = builder.apply(Reshape((60,)), (builder.input,), "")[0]
    op = Linear(np.random.default_rng(1).normal(size=(6, 60)), np.zeros(6))
    graph = same_function(builder.finish(builder.apply(op, (flat,), "")[0]))
    assert (graph.input.shape, graph.input.layout) == ((3, 4, 5), "")
    assert graph.nodes[0].op is op


def test_a_permuted_input_that_is_returned_is_permuted() -> None:
    builder = GraphBuilder((2, 3, 4))
    graph = builder.finish(builder.apply(Permute((1, 2, 0)), (builder.input,), "")[0])
    assert kinds(same_function(graph)) == ["permute"]


def test_a_permutation_that_something_needs_stays() -> None:
    builder = GraphBuilder((3, 4))
    turned = builder.apply(Permute((1, 0)), (builder.input,), "")[0]
    both = builder.apply(Reshape((12,)), (builder.input,), "")[0]
    flat = builder.apply(Reshape((12,)), (turned,), "")[0]
    graph = same_function(builder.finish(builder.apply(Add(), (both, flat), "")[0]))
    assert kinds(graph).count("permute") == 1
