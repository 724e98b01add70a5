"""Makes arithmetic with a stored number, or one a channel, an affine map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.ir import Add, Affine, Array, Constant, Graph, Mul, Node, Sub


def constant_operands(graph: Graph) -> Graph:
    """Return the graph with x + c, x - c, c - x and x * c as Affine where c allows it.

    The constant must not enlarge x, and differ along the last axis at most.
    """
    constants = {n.outputs[0]: n.op for n in graph.nodes if isinstance(n.op, Constant)}
    return replace(graph, nodes=tuple(_rewritten(node, graph, constants) for node in graph.nodes))


def _rewritten(node: Node, graph: Graph, constants: dict[str, Constant]) -> Node:
    op = node.op
    if not isinstance(op, Add | Sub | Mul) or (op.low, op.high) != (-np.inf, np.inf):
        return node
    for x, other in (node.inputs, node.inputs[::-1]):
        if x in constants or other not in constants:
            continue
        shape = graph.tensor(x).shape
        numbers = _columns(constants[other].value, shape)
        if numbers is None or graph.tensor(node.outputs[0]).shape != shape:
            continue
        ones, zeros = np.ones(shape[-1]), np.zeros(shape[-1])
        match op:
            case Mul():
                affine = Affine(numbers, zeros)
            case Add():
                affine = Affine(ones, numbers)
            case _:
                first = x == node.inputs[0]
                affine = Affine(ones, -numbers) if first else Affine(-ones, numbers)
        return replace(node, op=affine, inputs=(x,))
    return node


def _columns(value: Array, shape: tuple[int, ...]) -> Array | None:
    """Return a number for each place of the last axis; None if others matter too."""
    if value.ndim > len(shape) or value.size not in (1, shape[-1]):
        return None
    if value.size > 1 and value.shape[-1] != value.size:
        return None
    return np.broadcast_to(value.reshape(-1).astype(np.float64), (shape[-1],))
