"""One operator beside PyTorch in float64: outputs, and gradients by autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from pyexport.ir import Graph, Node, Op, Tensor, output_shapes
from pyexport.reference import evaluate, value_and_gradient

FORWARD = 1e-12  # of the largest value
GRADIENT = 1e-10


def one_node(op: Op, *shapes: tuple[int, ...]) -> Graph:
    """Return the graph of one operator: x0, x1, ... -> y0, y1, ..."""
    inputs = tuple(f"x{i}" for i in range(len(shapes)))
    results = output_shapes(op, *shapes)
    outputs = tuple(f"y{i}" for i in range(len(results)))
    tensors = [Tensor(n, s) for n, s in zip((*inputs, *outputs), (*shapes, *results), strict=True)]
    return Graph(tuple(tensors), (Node("n", op, inputs, outputs),), inputs, outputs)


def check(
    op: Op,
    function: Callable[..., Any],
    *shapes: Sequence[int],
    generator: int = 0,
    rows: int = 2,
    spread: float = 1.0,
) -> None:
    """Assert that an operator computes what a function of PyTorch does, and so do its gradients.

    The function takes and gives tensors in the layout of the IR, the batch first.
    """
    random = np.random.default_rng(generator)
    arrays = [spread * random.normal(size=(rows, *shape)) for shape in shapes]
    graph = one_node(op, *(tuple(shape) for shape in shapes))
    tensors = [torch.from_numpy(array).requires_grad_() for array in arrays]
    results = function(*tensors)
    expected = [results] if isinstance(results, torch.Tensor) else list(results)
    assert len(expected) == len(graph.outputs)
    seeds = [np.asarray(random.normal(size=tuple(value.shape))) for value in expected]
    total = sum(
        (value * torch.from_numpy(s)).sum() for value, s in zip(expected, seeds, strict=True)
    )
    on_inputs = torch.autograd.grad(total, tensors, allow_unused=True)
    inputs = dict(zip(graph.inputs, arrays, strict=True))
    values, gradients = value_and_gradient(
        graph, inputs, dict(zip(graph.outputs, seeds, strict=True))
    )
    ordered = evaluate(graph, inputs, fixed_order=True)
    for name, value in zip(graph.outputs, expected, strict=True):
        assert value.shape[1:] == graph.tensor(name).shape
        close(values[name], value.detach().numpy(), FORWARD)
        close(ordered[name], value.detach().numpy(), FORWARD)
    for name, gradient in zip(graph.inputs, on_inputs, strict=True):
        wanted = np.zeros(inputs[name].shape) if gradient is None else gradient.numpy()
        close(gradients[name], wanted, GRADIENT)


def close(found: Any, expected: Any, tolerance: float) -> None:
    """Assert that two arrays are equal but for `tolerance` times the largest value."""
    assert found.shape == expected.shape
    assert np.isfinite(expected).all()
    scale = max(float(np.abs(expected).max(initial=0.0)), 1.0)
    assert float(np.abs(found - expected).max(initial=0.0)) <= tolerance * scale


def first(x: torch.Tensor) -> torch.Tensor:
    """Return (n, ..., channels) as (n, channels, ...)."""
    return x.movedim(-1, 1)


def last(x: torch.Tensor) -> torch.Tensor:
    """Return (n, channels, ...) as (n, ..., channels)."""
    return x.movedim(1, -1)
