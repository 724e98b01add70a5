"""Folds an evaluated BatchNorm (an affine map of each element) into the linear layer beside it."""

from dataclasses import replace

import numpy as np

from pyexport.ir import Affine, Graph, Linear, Node


def fold_affine(graph: Graph) -> Graph:
    """Return the graph without the affine nodes that a linear layer can absorb, in float64.

    After a linear layer without activation: weight' = scale * weight, bias' = scale * bias + shift.
    Before one: weight' = weight * scale, bias' = bias + weight @ shift (exact: no padding). A node
    is folded only if it has one number an element and nothing else reads the tensor between the
    two; others stay.
    """
    while True:
        folded = _fold_one(graph)
        if folded is None:
            return graph
        graph = folded


def _fold_one(graph: Graph) -> Graph | None:
    producer = {name: node for node in graph.nodes for name in node.outputs}
    for node in graph.nodes:
        if not isinstance(node.op, Affine) or (node.op.low, node.op.high) != (-np.inf, np.inf):
            continue
        (source,), (result,) = node.inputs, node.outputs
        before = producer.get(source)
        if (
            before is not None
            and isinstance(before.op, Linear)
            and before.op.low == -np.inf
            and before.op.high == np.inf
            and len(node.op.scale) == len(before.op.bias)
            and graph.users(source) == (node,)
            and source not in graph.outputs
        ):
            merged = replace(before, op=_after(before.op, node.op), outputs=node.outputs)
            return _replace(graph, removed=node, changed=before, merged=merged, dead=source)
        after = graph.users(result)
        if (
            len(after) == 1
            and isinstance(after[0].op, Linear)
            and len(node.op.scale) == after[0].op.weight.shape[1]
            and result not in graph.outputs
        ):
            merged = replace(after[0], op=_before(node.op, after[0].op), inputs=node.inputs)
            return _replace(graph, removed=node, changed=after[0], merged=merged, dead=result)
    return None


def _after(linear: Linear, affine: Affine) -> Linear:
    weight, bias = linear.weight.astype(np.float64), linear.bias.astype(np.float64)
    scale, shift = affine.scale.astype(np.float64), affine.shift.astype(np.float64)
    return replace(linear, weight=weight * scale[:, None], bias=bias * scale + shift)


def _before(affine: Affine, linear: Linear) -> Linear:
    weight, bias = linear.weight.astype(np.float64), linear.bias.astype(np.float64)
    scale, shift = affine.scale.astype(np.float64), affine.shift.astype(np.float64)
    return replace(linear, weight=weight * scale, bias=bias + (weight * shift).sum(axis=1))


def _replace(graph: Graph, removed: Node, changed: Node, merged: Node, dead: str) -> Graph:
    nodes = tuple(merged if n is changed else n for n in graph.nodes if n is not removed)
    return replace(graph, nodes=nodes, tensors=tuple(t for t in graph.tensors if t.name != dead))
