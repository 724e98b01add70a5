"""Small float networks with fixed seeds, their exports, and rows to feed them: shared by tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pyexport.ir import (
    FLOAT_OPERATORS,
    Affine,
    Clamp,
    Dataset,
    Graph,
    Linear,
    Metadata,
    Model,
    Node,
    Op,
    Softmax,
    Tensor,
    output_shapes,
)
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.statements import Statements

ACTIVATIONS: dict[str, tuple[float, float] | None] = {
    "none": None,
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "hardtanh": (-1.0, 1.0),
}
NUMPY = {"u8": np.uint8, "s8": np.int8, "u16": np.uint16, "s16": np.int16, "f32": np.float32}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a generated network and its export."""

    sizes: tuple[int, ...]
    activation: str = "relu"
    softmax: bool = False
    input_range: tuple[float, float] = (0.0, 16.0)
    whole: bool = True  # calibration rows are whole numbers
    scheme: str = "int8"
    per_channel: bool = True
    gain: float = 1.0  # of all weights
    calibrated: bool = True
    seed: int = 0


def chain(
    n_in: int,
    ops: Sequence[Op],
    *,
    input_range: tuple[float, float] | None = (0.0, 16.0),
    calibration: Any = None,
    evaluation: Any = None,
    labels: tuple[str, ...] | None = None,
    unit: str | None = None,
    source_name: str = "model.pt",
    sources: Sequence[str] = (),
    **stated: Any,
) -> Model:
    """Return a model whose operators follow each other, with what its file would say."""
    metadata = Metadata(
        source_name,
        "ab" * 32,
        "torch 2.13.0",
        Statements(input_range=input_range, input_unit=unit, labels=labels, **stated),
        calibration=None if calibration is None else Dataset(np.asarray(calibration, np.float64)),
        evaluation=evaluation,
    )
    return Model(chain_graph(n_in, ops, sources), metadata)


def chain_graph(n_in: int, ops: Sequence[Op], sources: Sequence[str] = ()) -> Graph:
    """Return a graph of operators in a row on flat tensors: x, t0, t1, ..."""
    tensors, nodes = [Tensor("x", (n_in,))], []
    for i, op in enumerate(ops):
        before = tensors[-1]
        known = isinstance(op, FLOAT_OPERATORS)
        shape = output_shapes(op, before.shape)[0] if known else before.shape
        tensors.append(Tensor(f"t{i}", shape))
        source = sources[i] if i < len(sources) else f"net.{i}"
        nodes.append(Node(f"n{i}", op, (before.name,), (f"t{i}",), source))
    return Graph(tuple(tensors), tuple(nodes), ("x",), (tensors[-1].name,))


def layer(n_in: int, n_out: int, seed: int = 0, gain: float = 1.0) -> Linear:
    """Return a linear layer with float32 weights of the usual spread."""
    random = np.random.default_rng(seed)
    weight = gain * random.normal(size=(n_out, n_in)) / math.sqrt(n_in)
    bias = gain * 0.1 * random.normal(size=n_out)
    return Linear(weight.astype(np.float32), bias.astype(np.float32))


def build(recipe: Recipe) -> Model:
    """Return the model of a recipe."""
    ops: list[Op] = []
    for i, (n_in, n_out) in enumerate(zip(recipe.sizes, recipe.sizes[1:], strict=False)):
        ops.append(layer(n_in, n_out, 100 * recipe.seed + i, recipe.gain))
        limits = ACTIVATIONS[recipe.activation]
        if limits is not None and i < len(recipe.sizes) - 2:
            ops.append(Clamp(*limits))
    if recipe.softmax:
        ops.append(Softmax())
    rows = real_rows(recipe, 40)
    targets = np.arange(len(rows)) % max(recipe.sizes[-1], 1)
    return chain(
        recipe.sizes[0],
        ops,
        input_range=recipe.input_range,
        calibration=rows if recipe.calibrated else None,
        evaluation=Dataset(rows[:20], targets[:20]),
        labels=tuple(f"class {i}" for i in range(recipe.sizes[-1])),
    )


def uneven(low: float = 0.0, seed: int = 0, outputs: int = 3) -> Model:
    """Return a network that int8 alone would spoil: columns of 0.5, 5, 50, 500 and 5000.

    They are read to one decimal more than their size needs; low < 0 makes them signed.
    """
    random = np.random.default_rng([seed, 7])
    sizes = np.array([0.5, 5.0, 50.0, 500.0, 5000.0])
    steps = np.array([0.01, 0.01, 0.1, 1.0, 1.0])
    rows = np.round((low + (1.0 - low) * random.random((60, 5))) * sizes / steps) * steps
    first = Linear(random.normal(size=(8, 5)) / sizes, 0.1 * random.normal(size=8))
    return chain(
        5,
        [first, Clamp(0.0, math.inf), layer(8, outputs, seed)],
        input_range=(5000.0 * low, 5000.0),
        calibration=rows,
        evaluation=Dataset(rows[:20], np.arange(20) % outputs),
    )


def image(seed: int = 0) -> Model:
    """Return a network that normalizes an image of 4 x 3 pixels and 2 channels, and clamps it."""
    random = np.random.default_rng([seed, 8])
    tensors = (Tensor("x", (4, 3, 2)), Tensor("a", (4, 3, 2)), Tensor("c", (4, 3, 2)))
    normalize = Affine(np.array([0.02, 0.005]), np.array([-2.0, -0.7]))
    nodes = (
        Node("norm", normalize, ("x",), ("a",), "norm"),
        Node("cut", Clamp(-1.0, 1.0), ("a",), ("c",), "cut"),
        Node("fc", layer(24, 3, seed), ("c",), ("y",), "fc"),
    )
    rows = np.floor(random.random((40, 4, 3, 2)) * 256)
    metadata = Metadata(
        "image.pt",
        "ab" * 32,
        "torch 2.13.0",
        Statements(input_range=(0.0, 255.0)),
        calibration=Dataset(rows),
        evaluation=Dataset(rows[:10]),
    )
    return Model(Graph((*tensors, Tensor("y", (3,))), nodes, ("x",), ("y",)), metadata)


def real_rows(recipe: Recipe, count: int) -> Any:
    """Return reproducible real inputs inside a recipe's range, (count, n_in)."""
    low, high = recipe.input_range
    random = np.random.default_rng(recipe.seed + 12345)
    rows = low + (high - low) * random.random((count, recipe.sizes[0]))
    return np.clip(np.floor(rows + 0.5), low, high) if recipe.whole else rows


def export(model: Model, name: str = "net", **options: Any) -> Export:
    """Return the export of a model in memory."""
    return export_model(model, ExportOptions(name, **options))


def export_recipe(recipe: Recipe, name: str = "net") -> Export:
    """Return the export of a recipe in memory."""
    return export(build(recipe), name, scheme=recipe.scheme, per_channel=recipe.per_channel)


def device_rows(exported: Export, count: int, seed: int = 0) -> Any:
    """Return legal device inputs: all low, all high, random corners, then random values."""
    tensor = exported.artifact.graph.input
    random = np.random.default_rng(seed)
    shape = (count, tensor.size)
    if tensor.quant is None:
        low, high = tensor.declared_range or (-1.0, 1.0)
        values = low + (high - low) * random.random(shape)
    else:
        low, high = tensor.quant.low, tensor.quant.high
        values = random.integers(int(low), int(high) + 1, size=shape).astype(np.float64)
    corners = np.where(random.random((count // 4, tensor.size)) < 0.5, low, high)
    ends = np.array([[low] * tensor.size, [high] * tensor.size])
    return np.concatenate([ends, corners, values]).astype(NUMPY[tensor.dtype])


RANGES = [
    ((0.0, 16.0), True),
    ((0.0, 255.0), True),
    ((0.0, 1.0), True),  # binary inputs: bytes 0 and 1
    ((5.0, 10.0), True),
    ((-100.0, 100.0), True),
    ((-7.0, -3.0), True),
    ((0.0, 1.0), False),
    ((-1.0, 1.0), False),
    ((-0.3, 2.7), False),
    ((3.5, 900.25), False),
    ((-5.5, -1.25), False),
]


@st.composite
def recipes(draw: st.DrawFn, scheme: str = "int8") -> Recipe:
    """Draw a network of 1 to 4 layers and its export options."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=5))
    input_range, whole = draw(st.sampled_from(RANGES))
    return Recipe(
        sizes=tuple(sizes),
        activation=draw(st.sampled_from(sorted(ACTIVATIONS))),
        softmax=draw(st.booleans()),
        input_range=input_range,
        whole=whole,
        scheme=scheme,
        per_channel=draw(st.booleans()),
        gain=draw(st.sampled_from([1.0, 1.0, 0.01, 30.0])),
        calibrated=draw(st.booleans()),
        seed=draw(st.integers(0, 50)),
    )


DOZEN = (
    Recipe((64, 32, 16, 10)),
    Recipe((64, 32, 16, 10), per_channel=False, calibrated=False),
    Recipe((1, 1), activation="none", input_range=(0.0, 255.0)),
    Recipe((7, 40, 3), "relu6", True, (-100.0, 100.0), gain=3.0, seed=1),
    Recipe((40, 5, 40, 5, 2), "hardtanh", False, (-1.0, 1.0), False, seed=2),
    Recipe((33, 1, 17), "relu", False, (0.0, 1.0), seed=3),
    Recipe((12, 31, 9), "none", True, (-0.3, 2.7), False, per_channel=False, seed=4),
    Recipe((19, 23), "relu", False, (5.0, 10.0), gain=1e-4, seed=5),
    Recipe((40, 40, 255), "relu", False, (-5.5, -1.25), False, seed=6),
    Recipe((64, 32, 16, 10), scheme="float32", seed=7),
    Recipe((7, 40, 3), "relu6", True, (-1.0, 1.0), False, "float32", seed=8),
    Recipe((3, 2, 1), "hardtanh", False, (3.5, 900.25), False, "float32", seed=9),
    Recipe((1, 8, 1), input_range=(-1.0, 1.0), whole=False, seed=10),
)
