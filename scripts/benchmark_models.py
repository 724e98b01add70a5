"""The networks of the benchmark, as scripts/train_benchmark.py stored them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyexport.ir import (
    Conv2d,
    Dataset,
    Graph,
    Linear,
    MaxPool2d,
    Metadata,
    Model,
    Node,
    Op,
    Reshape,
    Tensor,
    output_shapes,
)
from pyexport.statements import Statements

FOLDER = Path(__file__).resolve().parent / "benchmark_networks"

# name -> what it is, and the SHA-256 of its file: weights, calibration rows and the 20 samples
NETWORKS = {
    "a": (
        "digits 64-32-16-10",
        "b7ef6f7f9967705b8e337f0d085dec0c251afd4ffd2fc46b20d0e85a80ab24dc",
    ),
    "b": (
        "MNIST 16x16, 256-64-64-64-10",
        "adbf736b8db10b6f7e8d608483716ee6f709513b6b192fbd18012930b4dd25a9",
    ),
    "b4": (
        "MNIST 16x16, 256-64-64-64-10, trained on for weights of 4 bits",
        "2bf103ba1d7f2fcb3a43583d25595f326cbe9702988dd20d83cfb165eaf365b6",
    ),
    "c": (
        "MNIST 16x16, two 3x3 convolutions and a linear layer",
        "0d51db4172a0757f8daccecc120a6ea9db2cfadd0b32d5fdc9ec8c20ef00f751",
    ),
}
LEVELS = 16


@dataclass(frozen=True, eq=False)
class Network:
    """A float network, the inputs that are counted, and its multiply-accumulates."""

    name: str
    title: str
    model: Model
    samples: npt.NDArray[np.uint8]  # (20, input size), device order
    macs: int
    weights: int = 8  # bits that it is exported with


def load_network(name: str) -> Network:
    """Return a stored network; raises ValueError if its file is not the one counted before."""
    title, wanted = NETWORKS[name]
    path = FOLDER / f"{name}.npz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != wanted:
        raise ValueError(f"{path}: SHA-256 is {digest}, not {wanted}: other figures would follow")
    with np.load(path) as stored:
        arrays: dict[str, Any] = dict(stored)
    shape, ops = _layers(name, arrays)
    graph = _chain(shape, ops)

    def rows(key: str) -> npt.NDArray[np.uint8]:
        return np.asarray(arrays[key].reshape(len(arrays[key]), -1), np.uint8)

    model = Model(
        graph,
        Metadata(
            path.name,
            digest,
            "scripts/train_benchmark.py",
            Statements(input_range=(0.0, float(LEVELS))),
            calibration=Dataset(_reals(arrays["calibration"], shape)),
            evaluation=Dataset(_reals(arrays["evaluation"], shape), arrays["evaluation_classes"]),
        ),
    )
    bits = 4 if name == "b4" else 8
    return Network(name, title, model, rows("samples"), _macs(graph), bits)


def _reals(images: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    return np.asarray(images, np.float64).reshape(len(images), *shape)


def _layers(name: str, arrays: dict[str, Any]) -> tuple[tuple[int, ...], list[Op]]:
    relu = {"low": 0.0}
    if name != "c":
        count = sum(key.startswith("weight") for key in arrays)
        ops: list[Op] = [
            Linear(arrays[f"weight{i}"], arrays[f"bias{i}"], **(relu if i < count - 1 else {}))
            for i in range(count)
        ]
        return (arrays["weight0"].shape[1],), ops
    ops = []
    for i in range(2):
        kernel = arrays[f"weight{i}"].transpose(0, 2, 3, 1)  # channels last
        ops.append(Conv2d(kernel, arrays[f"bias{i}"], pad=(1, 1, 1, 1), low=0.0))
        ops.append(MaxPool2d((2, 2), (2, 2)))
    last = arrays["weight2"].reshape(10, 16, 4, 4).transpose(0, 2, 3, 1).reshape(10, -1)
    return (16, 16, 1), [*ops, Reshape((256,)), Linear(last, arrays["bias2"])]


def _chain(shape: tuple[int, ...], ops: Sequence[Op]) -> Graph:
    tensors, nodes = [Tensor("x", shape)], []
    for i, op in enumerate(ops):
        before = tensors[-1]
        tensors.append(Tensor(f"t{i}", output_shapes(op, before.shape)[0]))
        nodes.append(Node(f"n{i}", op, (before.name,), (f"t{i}",), f"layer {i}"))
    return Graph(tuple(tensors), tuple(nodes), ("x",), (tensors[-1].name,))


def _macs(graph: Graph) -> int:
    """Return products of one inference, those with padding included."""
    total = 0
    for node in graph.nodes:
        if isinstance(node.op, Linear | Conv2d):
            size = graph.tensor(node.outputs[0]).size
            total += int(node.op.weight.size) * size // len(node.op.bias)
    return total
