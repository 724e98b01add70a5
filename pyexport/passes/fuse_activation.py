"""Moves a clamp (ReLU, ReLU6, hardtanh) into the layer, sum, affine map or clamp before it."""

from dataclasses import replace

from pyexport.ir import Add, Affine, Clamp, Conv2d, ConvTranspose2d, Graph, Linear, Mul, Sub

_CLAMPED = (Linear, Conv2d, ConvTranspose2d, Add, Sub, Mul, Affine, Clamp)


def fuse_activation(graph: Graph) -> Graph:
    """Return the graph with each clamp made its producer's limits, if nothing else reads it."""
    changed = True
    while changed:
        graph, changed = _fuse_one(graph)
    return graph


def _fuse_one(graph: Graph) -> tuple[Graph, bool]:
    producer = {name: node for node in graph.nodes for name in node.outputs}
    written = {state.write for state in graph.states}
    for node in graph.nodes:
        if not isinstance(node.op, Clamp):
            continue
        (source,) = node.inputs
        before = producer.get(source)
        if (
            before is None
            or not isinstance(before.op, _CLAMPED)
            or len(graph.users(source)) != 1
            or source in graph.outputs
            or source in written
        ):
            continue
        op = replace(
            before.op,
            low=_clamped(before.op.low, node.op),
            high=_clamped(before.op.high, node.op),
        )
        fused = replace(before, op=op, outputs=node.outputs)
        return replace(
            graph,
            nodes=tuple(fused if n is before else n for n in graph.nodes if n is not node),
            tensors=tuple(t for t in graph.tensors if t.name != source),
        ), True
    return graph, False


def _clamped(value: float, clamp: Clamp) -> float:
    return min(max(value, clamp.low), clamp.high)
