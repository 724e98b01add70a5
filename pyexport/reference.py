"""Float evaluation of a Graph and the gradient of one output on its input, with NumPy alone."""

from collections.abc import Iterator

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Affine, Clamp, FloatArray, Graph, Identity, Linear, Node, Reshape, Softmax


def forward(graph: Graph, inputs: FloatArray, *, fixed_order: bool = False) -> FloatArray:
    """Return the output of each row of inputs (n, *input shape) as (n, *output shape), float64.

    With fixed_order every dot product is summed first to last, so that the result has the same
    bits on every machine (a BLAS may not); it is slower, and calibration uses it.
    """
    values = evaluate(graph, inputs, fixed_order=fixed_order)
    return values[graph.output.name]


def evaluate(
    graph: Graph, inputs: FloatArray, *, fixed_order: bool = False
) -> dict[str, FloatArray]:
    """Return every tensor of the graph by name, each (n, *shape), for rows of inputs."""
    rows = np.asarray(inputs, dtype=np.float64)
    values = {graph.input.name: rows.reshape(len(rows), *graph.input.shape)}
    for node in graph.nodes:
        values[node.outputs[0]] = _apply(node, values[node.inputs[0]], fixed_order)
    return values


def value_and_gradient(
    graph: Graph, inputs: FloatArray, output_gradient: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the outputs, and the gradient of sum(output * output_gradient) on the inputs.

    inputs is (n, *input shape); output_gradient has the shape of the outputs (n, *output shape).
    """
    values = evaluate(graph, inputs)
    gradients = {graph.output.name: np.asarray(output_gradient, dtype=np.float64)}
    for node in reversed(graph.nodes):
        result = node.outputs[0]
        if result not in gradients:
            continue
        x, y = values[node.inputs[0]], values[result]
        back = _backward(node, x, y, gradients[result])
        source = node.inputs[0]
        gradients[source] = gradients[source] + back if source in gradients else back
    zeros = np.zeros_like(values[graph.input.name])
    return values[graph.output.name], gradients.get(graph.input.name, zeros)


def _apply(node: Node, x: FloatArray, fixed_order: bool) -> FloatArray:
    op = node.op
    if isinstance(op, Linear):
        flat = x.reshape(len(x), -1)
        weight, bias = op.weight.astype(np.float64), op.bias.astype(np.float64)
        y = _ordered_product(flat, weight, bias) if fixed_order else flat @ weight.T + bias
        return np.asarray(np.clip(y, op.low, op.high))
    if isinstance(op, Clamp):
        return np.asarray(np.clip(x, op.low, op.high))
    if isinstance(op, Affine):
        return np.asarray(x * op.scale.astype(np.float64) + op.shift.astype(np.float64))
    if isinstance(op, Reshape):
        return x.reshape(len(x), *op.shape)
    if isinstance(op, Identity):
        return x
    if isinstance(op, Softmax):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))
    raise UnsupportedOperatorError(f"node {node.name}: the reference cannot evaluate {op.kind}")


def _backward(node: Node, x: FloatArray, y: FloatArray, gradient: FloatArray) -> FloatArray:
    op = node.op
    if isinstance(op, Linear):
        passed = gradient * ((y > op.low) & (y < op.high))
        return (passed @ op.weight.astype(np.float64)).reshape(x.shape)
    if isinstance(op, Clamp):
        return gradient * ((y > op.low) & (y < op.high))
    if isinstance(op, Affine):
        return np.asarray(gradient * op.scale.astype(np.float64))
    if isinstance(op, Softmax):
        return np.asarray(y * (gradient - (gradient * y).sum(axis=1, keepdims=True)))
    return gradient.reshape(x.shape)  # reshape and identity; _apply refused all others


def _ordered_product(x: FloatArray, weight: FloatArray, bias: FloatArray) -> FloatArray:
    """Return x @ weight.T + bias, each sum started at the bias and taken in input order."""
    total = np.repeat(bias[None, :], len(x), axis=0)
    for column, w in _columns(x, weight):
        total += column[:, None] * w
    return total


def _columns(x: FloatArray, weight: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
    for i in range(x.shape[1]):
        yield x[:, i], weight[:, i]
