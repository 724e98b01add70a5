"""Networks of several inputs and outputs with fixed seeds: shared by tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.ir import (
    Add,
    Affine,
    Clamp,
    Concat,
    Conv2d,
    Dataset,
    Metadata,
    Model,
    Mul,
    Reshape,
    Slice,
    Softmax,
    Sub,
)
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.rows import input_tensors, row_size
from pyexport.statements import Statements
from tests.networks import layer

ROWS = 40


def _read(builder: GraphBuilder, names: tuple[str, ...], **outputs: Value) -> Model:
    graph = builder.finish(*outputs.values())
    size = row_size(input_tensors(graph))
    rows = np.random.default_rng(5).integers(0, 17, (ROWS, size)).astype(np.float64)
    metadata = Metadata("net.pt", "ab" * 32, "torch 2.13.0", Statements(), Dataset(rows))
    return Model(graph, metadata, names, tuple(outputs))


def add() -> Model:
    """Return the sum of two inputs."""
    builder = GraphBuilder((6,))
    other = builder.add_input((6,))
    (total,) = builder.apply(Add(), (builder.input, other), "sum")
    return _read(builder, ("left", "right"), total=total)


def elementwise() -> Model:
    """Return the product and the difference of two inputs."""
    builder = GraphBuilder((2, 3))
    other = builder.add_input((2, 3))
    (product,) = builder.apply(Mul(), (builder.input, other), "mul")
    (difference,) = builder.apply(Sub(), (builder.input, other), "sub")
    return _read(builder, ("a", "b"), product=product, difference=difference)


def split() -> Model:
    """Return one input in two parts of different size."""
    builder = GraphBuilder((7,))
    (head,) = builder.apply(Slice((0,), (3,), (1,)), (builder.input,), "head")
    (tail,) = builder.apply(Slice((3,), (4,), (1,)), (builder.input,), "tail")
    return _read(builder, ("x",), head=head, tail=tail)


def fused() -> Model:
    """Return class and box of an image and of scalar features that are joined behind a layer."""
    random = np.random.default_rng(1)
    kernel = random.normal(size=(3, 3, 3, 1)) / 3.0
    convolution = Conv2d(kernel, 0.1 * random.normal(size=3), (2, 2), (1, 1, 1, 1))
    builder = GraphBuilder((6, 6, 1))
    features = builder.add_input((2,))
    (planes,) = builder.apply(convolution, (builder.input,), "conv")
    (planes,) = builder.apply(Clamp(0.0, math.inf), (planes,), "relu")
    (flat,) = builder.apply(Reshape((27,)), (planes,), "flatten")
    (joined,) = builder.apply(Concat(0), (flat, features), "cat")
    (logits,) = builder.apply(layer(29, 3, 2), (joined,), "class")
    (classes,) = builder.apply(Softmax(), (logits,), "softmax")
    (box,) = builder.apply(layer(29, 4, 3), (joined,), "box")
    return _read(builder, ("image", "features"), **{"class": classes, "box": box})


def siamese() -> Model:
    """Return the difference of two inputs behind the same layer: one weight, used twice."""
    shared = layer(12, 5, 4)
    builder = GraphBuilder((12,))
    other = builder.add_input((12,))
    (left,) = builder.apply(shared, (builder.input,), "branch")
    (right,) = builder.apply(shared, (other,), "branch")
    (difference,) = builder.apply(Sub(), (left, right), "sub")
    return _read(builder, ("anchor", "candidate"), difference=difference)


def awkward() -> Model:
    """Return an output that is used inside, an input passed through, and one tensor twice."""
    builder = GraphBuilder((4,))
    gate = builder.add_input((4,))
    (hidden,) = builder.apply(layer(4, 4, 7), (builder.input,), "hidden")
    (result,) = builder.apply(Mul(), (hidden, gate), "gate")
    return _read(builder, ("x", "gate"), hidden=hidden, result=result, again=result, passed=gate)


def sensor() -> Model:
    """Return a layer on three bytes, and on readings that are standardized column by column."""
    builder = GraphBuilder((3,))
    readings = builder.add_input((2,))
    scale, shift = np.array([0.01, 0.2]), np.array([-1.0, 0.5])
    (standard,) = builder.apply(Affine(scale, shift, -1.0, 1.0), (readings,), "scaler")
    (joined,) = builder.apply(Concat(0), (builder.input, standard), "cat")
    (out,) = builder.apply(layer(5, 3, 9), (joined,), "out")
    return _read(builder, ("bytes", "readings"), out=out)


def heads() -> Model:
    """Return two linear layers of one input, one with a softmax behind it."""
    builder = GraphBuilder((5,))
    (logits,) = builder.apply(layer(5, 3, 11), (builder.input,), "class")
    (classes,) = builder.apply(Softmax(), (logits,), "softmax")
    (box,) = builder.apply(layer(5, 2, 12), (builder.input,), "box")
    return _read(builder, ("x",), **{"class": classes, "box": box})


def unread() -> Model:
    """Return a layer beside an input that nothing reads."""
    builder = GraphBuilder((5,))
    builder.add_input((5,))
    (out,) = builder.apply(layer(5, 3, 11), (builder.input,), "fc")
    return _read(builder, ("x", "mask"), out=out)


NETS: dict[str, Callable[[], Model]] = {
    net.__name__: net for net in (add, elementwise, split, fused, siamese, awkward)
}
_MORE: dict[str, Callable[[], Model]] = {net.__name__: net for net in (sensor, heads, unread)}


def export_net(name: str, **options: object) -> Export:
    """Return the export of a net; its inputs hold values 0..16, or readings 0..200.5."""
    model = {**NETS, **_MORE}[name]()
    limits: object = (0.0, 16.0)
    if name == "sensor":
        assert model.metadata.calibration is not None
        rows = model.metadata.calibration.inputs * [1.0, 1.0, 1.0, 12.5, 0.1]
        model = replace(model, metadata=replace(model.metadata, calibration=Dataset(rows)))
        limits = {"bytes": (0.0, 16.0), "readings": (0.0, 200.5)}
    chosen = {"input_range": limits, **options}
    return export_model(model, ExportOptions("net", **chosen))  # type: ignore[arg-type]
