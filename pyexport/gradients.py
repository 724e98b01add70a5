"""Any float model as a function of rows: outputs, and gradients on the inputs.

What `generate`, `attack` and `hunt` climb. `of_graph` needs neither PyTorch nor the user's code:
it is the exported graph's own reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pyexport.ir import FloatArray, Graph, LogSoftmax, Softmax
from pyexport.reference import evaluate, input_gradients

if TYPE_CHECKING:
    from pyexport.scratch import Sequential

Pull = Callable[[FloatArray], FloatArray]


class ValueAndGradient(Protocol):
    """A model to climb."""

    def __call__(self, rows: FloatArray, pull: Pull) -> tuple[FloatArray, FloatArray]:
        """Return the outputs (n, outputs) of rows (n, size), and a gradient (n, size) on the rows.

        It is that of sum(pull(outputs) * outputs), where pull's result counts as constant: with
        pull = the derivative of a loss on the outputs it is the gradient of the loss.
        """


def of_graph(graph: Graph, dtype: type[np.floating[Any]] = np.float64) -> ValueAndGradient:
    """Return the reference of a float graph; rows are flat, in the device's order.

    A softmax at the end is left out: the class is the same, and gradients do not vanish. `dtype` is
    what it is computed in; values and gradients come as float64.
    """
    climbed = without_softmax(graph)
    source, output = climbed.input.name, climbed.output.name

    def run(rows: FloatArray, pull: Pull) -> tuple[FloatArray, FloatArray]:
        values = evaluate(climbed, rows, dtype=dtype)
        outputs = values[output].reshape(len(rows), climbed.output.size).astype(np.float64)
        seed = pull(outputs)
        # of rows that are almost surely of their class: in float32 they would vanish on their way
        largest = np.abs(seed).max(axis=1, keepdims=True, initial=0.0)
        largest[largest == 0.0] = 1.0
        gradient = input_gradients(climbed, values, {output: seed / largest})[source]
        return outputs, gradient.reshape(len(rows), climbed.input.size).astype(np.float64) * largest

    return run


def of_torch(module: Any, shape: tuple[int, ...] | None = None) -> ValueAndGradient:
    """Return a PyTorch module in evaluation mode; shape of one input, by default a flat row."""

    def run(rows: FloatArray, pull: Pull) -> tuple[FloatArray, FloatArray]:
        import torch

        first = next(module.parameters(), None)
        dtype = torch.float32 if first is None else first.dtype
        device = None if first is None else first.device
        shaped = rows.reshape(len(rows), *(shape or rows.shape[1:]))
        x = torch.tensor(shaped, dtype=dtype, device=device, requires_grad=True)
        was_training = module.training
        module.eval()
        try:
            y = module(x)
        finally:
            module.train(was_training)
        outputs = y.detach().cpu().numpy().astype(np.float64).reshape(len(rows), -1)
        seed = torch.tensor(pull(outputs), dtype=y.dtype, device=y.device).reshape(y.shape)
        (gradient,) = torch.autograd.grad(y, x, seed)
        return outputs, gradient.cpu().numpy().astype(np.float64).reshape(len(rows), -1)

    return run


def of_scratch(net: Sequential) -> ValueAndGradient:
    """Return a scratch network, row by row; pyexport.scratch.inputs does it without NumPy."""
    from pyexport.scratch.inputs import before_softmax, outputs_and_gradient

    climbed = before_softmax(net)

    def run(rows: FloatArray, pull: Pull) -> tuple[FloatArray, FloatArray]:
        vectors = rows.tolist()
        none = [outputs_and_gradient(climbed, row, lambda y: [0.0] * len(y))[0] for row in vectors]
        outputs = np.array(none, dtype=np.float64).reshape(len(rows), -1)
        seeds = pull(outputs).tolist()  # of all rows together: each may have another goal

        def gradient_of(row: list[float], seed: list[float]) -> list[float]:
            return outputs_and_gradient(climbed, row, lambda y: seed)[1]

        gradients = [gradient_of(row, seed) for row, seed in zip(vectors, seeds, strict=True)]
        return outputs, np.array(gradients, dtype=np.float64).reshape(rows.shape)

    return run


def without_softmax(graph: Graph) -> Graph:
    """Return the graph without a softmax, or its logarithm, at the end."""
    last = graph.nodes[-1]
    if not isinstance(last.op, Softmax | LogSoftmax) or last.outputs != graph.outputs:
        return graph
    if last.inputs[0] in graph.inputs:
        return graph
    tensors = tuple(t for t in graph.tensors if t.name not in last.outputs)
    return replace(graph, tensors=tensors, nodes=graph.nodes[:-1], outputs=last.inputs)
