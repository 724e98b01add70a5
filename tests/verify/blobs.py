"""A small trained classifier of four inputs, its pair and its rows: what searches are tested on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

import pyexport
from pyexport.ir import Dataset, Graph, Linear, Metadata, Model, Node, Tensor
from pyexport.pairing import load_pair
from pyexport.pipeline import Export
from pyexport.statements import Statements
from pyexport.verify.pair import Pair

N_IN, N_CLASSES = 4, 3
CENTERS = np.array([[20.0, 80.0, 20.0, 80.0], [80.0, 20.0, 20.0, 20.0], [50.0, 50.0, 90.0, 10.0]])


def rows(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers 0..100 around three centers, and their classes."""
    random = np.random.default_rng(1)
    classes = np.arange(count) % N_CLASSES
    noise = random.normal(0.0, 8.0, size=(count, N_IN))
    return np.clip(np.rint(CENTERS[classes] + noise), 0, 100), classes


def model() -> Model:
    """Return a network of one hidden layer that classifies by distance to fixed points."""
    random = np.random.default_rng(2)
    hidden = random.normal(0.0, 0.05, size=(12, N_IN))
    bias = -hidden @ CENTERS.mean(axis=0) + random.normal(0.0, 0.5, size=12)
    inputs, classes = rows()
    features = np.maximum(inputs @ hidden.T + bias, 0.0)
    padded = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    wanted = 4.0 * np.eye(N_CLASSES)[classes]
    solved = np.linalg.solve(padded.T @ padded + 0.1 * np.eye(13), padded.T @ wanted)
    graph = Graph(
        (Tensor("x", (N_IN,)), Tensor("h", (12,)), Tensor("y", (N_CLASSES,))),
        (
            Node("hidden", Linear(hidden, bias, low=0.0), ("x",), ("h",)),
            Node("out", Linear(solved[:12].T, solved[12]), ("h",), ("y",)),
        ),
        ("x",),
        ("y",),
    )
    stated = Statements(input_range=(0.0, 100.0), labels=("left", "right", "up"))
    data = Dataset(inputs, classes)
    metadata = Metadata("blobs.pt", "0" * 64, "test", stated, Dataset(inputs), data)
    return Model(graph, metadata)


def save_torch(path: Path) -> Path:
    """Write the network as a PyTorch file with its data."""
    import torch

    source = model()
    layers: list[torch.nn.Module] = []
    for node in source.graph.nodes:
        op = node.op
        assert isinstance(op, Linear)  # nothing else is in it
        layer = torch.nn.Linear(op.weight.shape[1], op.weight.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(op.weight))
            layer.bias.copy_(torch.tensor(op.bias))
        layers += [layer, torch.nn.ReLU()]
    inputs, classes = rows()
    pyexport.save(
        torch.nn.Sequential(*layers[:-1]),
        torch.zeros(1, N_IN),
        path,
        input_range=(0, 100),
        calibration=inputs,
        evaluation=(inputs, classes),
        labels=["left", "right", "up"],
    )
    return path


@cache
def pair() -> tuple[Pair, Export]:
    """Return the float network beside its export."""
    return load_pair(model())
