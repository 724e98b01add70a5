"""Folds an evaluated BatchNorm (a scale and shift a channel) into the layer beside it."""

from dataclasses import replace

import numpy as np

from pyexport.ir import Affine, Conv2d, ConvTranspose2d, FloatArray, Graph, Linear, Node

Layer = Linear | Conv2d | ConvTranspose2d


def fold_affine(graph: Graph) -> Graph:
    """Return the graph without the affine nodes that a layer with weights can absorb, in float64.

    After a layer without activation: weight' = scale * weight, bias' = scale * bias + shift.
    Before one: weight' = weight * scale, bias' = bias + weight @ shift. A convolution that pads
    with zeros, and a transposed one, take in a scale only: at the border the shift would be
    missing. Nothing else may read the tensor between the two; other nodes stay.
    """
    while True:
        folded = _fold_one(graph)
        if folded is None:
            return graph
        graph = folded


def _fold_one(graph: Graph) -> Graph | None:
    producer = {name: node for node in graph.nodes for name in node.outputs}
    kept = {*graph.outputs, *(state.write for state in graph.states)}
    for node in graph.nodes:
        if not isinstance(node.op, Affine) or (node.op.low, node.op.high) != (-np.inf, np.inf):
            continue
        (source,), (result,) = node.inputs, node.outputs
        before = producer.get(source)
        if (
            before is not None
            and isinstance(before.op, Layer)
            and before.op.low == -np.inf
            and before.op.high == np.inf
            and len(node.op.scale) == len(before.op.bias)
            and graph.users(source) == (node,)
            and source not in kept
        ):
            merged = replace(before, op=_after(before.op, node.op), outputs=node.outputs)
            return _replace(graph, removed=node, changed=before, merged=merged, dead=source)
        after = graph.users(result)
        if (
            len(after) == 1
            and isinstance(after[0].op, Layer)
            and _takes(after[0].op, node.op)
            and result not in kept
        ):
            merged = replace(after[0], op=_before(node.op, after[0].op), inputs=node.inputs)
            return _replace(graph, removed=node, changed=after[0], merged=merged, dead=result)
    return None


def _after(layer: Layer, affine: Affine) -> Layer:
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    scale, shift = affine.scale.astype(np.float64), affine.shift.astype(np.float64)
    along_outputs = scale.reshape(-1, *(1,) * (weight.ndim - 1))
    return replace(layer, weight=weight * along_outputs, bias=bias * scale + shift)


def _takes(layer: Layer, affine: Affine) -> bool:
    """Return whether the layer can do what the affine map before it does."""
    if isinstance(layer, Linear):
        return True
    pads = isinstance(layer, ConvTranspose2d) or any(layer.pad)
    return not (pads and affine.shift.any())


def _before(affine: Affine, layer: Layer) -> Layer:
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    scale, shift = (
        _along_inputs(a.astype(np.float64), layer) for a in (affine.scale, affine.shift)
    )
    axes = tuple(range(1, weight.ndim))
    return replace(layer, weight=weight * scale, bias=bias + (weight * shift).sum(axis=axes))


def _along_inputs(values: FloatArray, layer: Layer) -> FloatArray:
    """Return a number a channel of the input as one for each weight, to broadcast."""
    if isinstance(layer, Linear):  # it reads the tensor flat, the channels last
        return np.tile(values, layer.weight.shape[1] // len(values))
    n_out, _, _, n_in = layer.weight.shape
    groups = np.repeat(values.reshape(layer.groups, n_in), n_out // layer.groups, axis=0)
    return groups[:, None, None, :]


def _replace(graph: Graph, removed: Node, changed: Node, merged: Node, dead: str) -> Graph:
    nodes = tuple(merged if n is changed else n for n in graph.nodes if n is not removed)
    return replace(graph, nodes=nodes, tensors=tuple(t for t in graph.tensors if t.name != dead))
