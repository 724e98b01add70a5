"""Straight-through gradients of each layer are those of the layer without its rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyexport.gradients import of_graph
from pyexport.ir import (
    Activation,
    Add,
    Concat,
    Conv2d,
    Dataset,
    Graph,
    Linear,
    MaxPool2d,
    Metadata,
    Model,
    Node,
    Op,
    Reduce,
    Reshape,
    Tensor,
    output_shapes,
)
from pyexport.passes import run_passes
from pyexport.pipeline import ExportOptions, export_model
from pyexport.statements import Statements
from pyexport.verify.straight_through import of_integer_graph

RANDOM = np.random.default_rng(8)


def conv(n_out: int, kernel: int, channels: int, **options: Any) -> Conv2d:
    weight = RANDOM.normal(size=(n_out, kernel, kernel, channels)) / kernel
    return Conv2d(weight.astype(np.float32), 0.1 * RANDOM.normal(size=n_out), **options)


def head(n_in: int) -> Linear:
    return Linear(RANDOM.normal(size=(3, n_in)).astype(np.float32) / n_in**0.5, np.zeros(3))


SAME = {"pad": (1, 1, 1, 1), "stride": (1, 1)}
LAYERS: dict[str, tuple[tuple[str, Op, tuple[str, ...]], ...]] = {
    "conv2d": (("a", conv(4, 3, 2, **SAME), ("x",)),),
    "strided conv2d": (("a", conv(4, 3, 2, pad=(1, 0, 1, 0), stride=(2, 2)), ("x",)),),
    "depthwise": (("a", conv(2, 3, 1, groups=2, **SAME), ("x",)),),
    "max_pool": (("a", MaxPool2d((2, 2), (2, 2)), ("x",)),),
    "mean": (("a", Reduce("mean", (0, 1)), ("x",)),),
    "add": (("a", conv(2, 3, 2, **SAME), ("x",)), ("b", Add(), ("a", "x"))),
    "concat": (("a", conv(2, 3, 2, **SAME), ("x",)), ("b", Concat(2), ("a", "x"))),
    "table": (("a", Activation("sigmoid"), ("x",)),),
}


def network(layers: tuple[tuple[str, Op, tuple[str, ...]], ...]) -> tuple[Graph, Graph]:
    """Return the float graph of some layers and a linear head on 6 x 6 x 2, and its export."""
    tensors = {"x": Tensor("x", (6, 6, 2))}
    nodes = []
    for name, op, inputs in layers:
        (shape,) = output_shapes(op, *(tensors[i].shape for i in inputs))
        tensors[name] = Tensor(name, shape)
        nodes.append(Node(f"n_{name}", op, inputs, (name,), name))
    last = tensors[layers[-1][0]]
    tensors["f"] = Tensor("f", (last.size,))
    nodes.append(Node("n_f", Reshape((last.size,)), (last.name,), ("f",), "f"))
    tensors["y"] = Tensor("y", (3,))
    nodes.append(Node("n_y", head(last.size), ("f",), ("y",), "y"))
    graph = Graph(tuple(tensors.values()), tuple(nodes), ("x",), ("y",))
    rows = RANDOM.uniform(-2.0, 2.0, size=(80, 6, 6, 2))
    metadata = Metadata(
        "net.pt", "ab" * 32, "test", Statements(input_range=(-2.0, 2.0)), Dataset(rows)
    )
    return run_passes(graph), export_model(
        Model(graph, metadata), ExportOptions("net")
    ).artifact.graph


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_is_that_of_the_float_layers(name: str) -> None:
    floats, integers = network(LAYERS[name])
    rows = RANDOM.uniform(-1.8, 1.8, size=(40, 72))
    seeds = RANDOM.normal(size=(40, 3))
    outputs, found = of_integer_graph(integers)(rows, lambda y: seeds)
    wanted_outputs, wanted = of_graph(floats)(rows, lambda y: seeds)
    assert np.median(np.abs(outputs - wanted_outputs)) < 0.02 * np.ptp(wanted_outputs)
    cosine = (found * wanted).sum(axis=1)
    cosine /= np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    assert np.median(cosine) > 0.98
    ratio = np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.05)
