"""The float reference against PyTorch on one example: outputs, and gradients on the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pyexport
from pyexport.ir import Array, FloatArray, Graph
from pyexport.layout import to_device
from pyexport.passes import run_passes
from pyexport.reference import forward, value_and_gradient
from scripts.evidence_topics.example_files import Trained

ROWS = 50
_SEED = 1


def agree(trained: Trained) -> tuple[float, float]:
    """Return the largest relative difference of outputs and of gradients.

    Relative to the largest magnitude of the row's outputs or gradients. Outputs are those of the
    float32 network in the archive, as its user runs it. Gradients are compared in float64, and on
    rows with a dither: where two inputs of a max pooling are equal, either has the right gradient.
    """
    model = pyexport.load(trained.path)
    graph, scale = run_passes(model.graph), model.metadata.statements.input_scale
    assert scale is not None  # the training script states it
    rows = trained.test.inputs[:ROWS].astype(np.float64)
    random = np.random.RandomState(_SEED)
    on_outputs = forward(graph, to_device(rows, graph.input)).reshape(len(rows), -1)
    dithered = rows + random.uniform(-0.25, 0.25, rows.shape)
    seeds = random.normal(size=on_outputs.shape)
    return (
        difference(on_outputs, _archived(trained.path, rows * scale)),
        difference(
            _gradients(graph, dithered, seeds),
            to_device(_autograd(trained, dithered, seeds, scale), graph.input),
        ),
    )


def difference(found: FloatArray, expected: FloatArray) -> float:
    """Return the largest difference of a row, relative to the row's largest magnitude."""
    found, expected = found.reshape(len(found), -1), expected.reshape(len(expected), -1)
    size = np.abs(expected).max(axis=1, keepdims=True)
    return float((np.abs(found - expected) / size).max())


def _gradients(graph: Graph, rows: FloatArray, seeds: FloatArray) -> FloatArray:
    shaped = seeds.reshape(len(rows), *graph.output.shape)
    return value_and_gradient(graph, to_device(rows, graph.input), shaped)[1]


def _archived(path: Path, rows: Array) -> FloatArray:
    """Return the outputs of the program in the archive, run by PyTorch, a row at a time."""
    import torch

    program = torch.export.load(path).module()
    with torch.no_grad():
        outputs = [program(torch.from_numpy(row[None].astype(np.float32))).numpy() for row in rows]
    return np.concatenate([output.reshape(1, -1) for output in outputs]).astype(np.float64)


def _autograd(trained: Trained, rows: FloatArray, seeds: FloatArray, scale: float) -> FloatArray:
    """Return the gradients on the raw input."""
    import torch

    from scripts.example_models import networks

    network = getattr(networks, trained.example.recipe.network)().eval().double()
    network.load_state_dict(torch.export.load(trained.path).state_dict)
    inputs = torch.from_numpy(rows).requires_grad_()
    (network(inputs * scale).reshape(len(rows), -1) * torch.from_numpy(seeds)).sum().backward()
    assert inputs.grad is not None  # backward() has just made it
    return np.asarray(inputs.grad.numpy(), np.float64)
