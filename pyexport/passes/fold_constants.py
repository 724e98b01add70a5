"""Computes what depends on constants alone, once, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.ir import Constant, Graph, Node
from pyexport.reference.evaluation import rule_of


def fold_constants(graph: Graph) -> Graph:
    """Return the graph with every node of constant inputs made a constant; states are not."""
    known: dict[str, Constant] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node.op, Constant):
            known[node.outputs[0]] = node.op
        elif node.inputs and all(name in known for name in node.inputs):
            inputs = [known[name].value.astype(np.float64)[None] for name in node.inputs]
            results = rule_of(node).forward(node.op, inputs, True)
            for i, (name, result) in enumerate(zip(node.outputs, results, strict=True)):
                known[name] = Constant(np.ascontiguousarray(result[0]))
                named = node.name if i == 0 else f"{node.name}_{i}"
                nodes.append(Node(named, known[name], (), (name,), node.source))
            continue
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))
