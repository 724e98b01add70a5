"""Removes operators that are nothing at inference: dropout."""

from dataclasses import replace

from pyexport.ir import Graph, Identity, Node


def drop_identity(graph: Graph) -> Graph:
    """Return the graph with every reader of such an operator's result reading its source instead.

    A graph output that was such a result becomes the source tensor under its own name.
    """
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(renamed.get(name, name) for name in node.inputs)
        if isinstance(node.op, Identity):
            renamed[node.outputs[0]] = inputs[0]
        else:
            nodes.append(replace(node, inputs=inputs))
    return replace(
        graph,
        tensors=tuple(t for t in graph.tensors if t.name not in renamed),
        nodes=tuple(nodes),
        outputs=tuple(renamed.get(name, name) for name in graph.outputs),
        states=tuple(replace(s, write=renamed.get(s.write, s.write)) for s in graph.states),
    )
