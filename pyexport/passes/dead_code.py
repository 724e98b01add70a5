"""Removes what no output and no state needs."""

from __future__ import annotations

from dataclasses import replace

from pyexport.ir import Graph, Node


def dead_code(graph: Graph) -> Graph:
    """Return the graph of the nodes that its outputs and states depend on; inputs all stay."""
    needed = {*graph.outputs, *(state.write for state in graph.states)}
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            nodes.append(node)
            needed.update(node.inputs)
    kept = {*graph.inputs, *(state.read for state in graph.states)}
    kept.update(name for node in nodes for name in node.outputs)
    return replace(
        graph,
        tensors=tuple(t for t in graph.tensors if t.name in kept),
        nodes=tuple(reversed(nodes)),
    )
