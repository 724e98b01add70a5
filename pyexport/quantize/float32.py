"""The float32 scheme: the same graph with single-precision parameters, summed in a fixed order."""

from dataclasses import replace

import numpy as np

from pyexport.errors import InvalidModelError, UnsupportedOperatorError
from pyexport.ir import Graph, Linear, Node, Softmax


def to_float32(graph: Graph) -> Graph:
    """Return the graph with float32 weights, biases and limits, rounded to nearest even.

    Raises InvalidModelError if a parameter leaves float32, UnsupportedOperatorError for an
    operator without a float32 kernel.
    """
    return replace(graph, nodes=tuple(_convert(node) for node in graph.nodes))


def _convert(node: Node) -> Node:
    op = node.op
    if isinstance(op, Softmax):
        return node
    if not isinstance(op, Linear):
        raise UnsupportedOperatorError(
            f"{node.name}: {op.kind} has no float32 kernel unless it follows a linear layer; "
            "move it there, or leave it out"
        )
    with np.errstate(over="ignore"):
        weight, bias = op.weight.astype(np.float32), op.bias.astype(np.float32)
        low, high = float(np.float32(op.low)), float(np.float32(op.high))
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InvalidModelError(f"{node.name}: a parameter is too large for float32")
    return replace(node, op=replace(op, weight=weight, bias=bias, low=low, high=high))
