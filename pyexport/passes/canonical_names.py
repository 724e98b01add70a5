"""Gives tensors and nodes names that do not depend on where the model came from."""

from dataclasses import replace

from pyexport.ir import Graph


def canonical_names(graph: Graph) -> Graph:
    """Return the graph with nodes called kind0, kind1, ... and tensors input, node names, output.

    The same network through any door then has the same names, hence the same header and identity.
    """
    tensors: dict[str, str] = {}
    for i, name in enumerate(graph.inputs):
        tensors[name] = "input" if len(graph.inputs) == 1 else f"input{i}"
    for i, state in enumerate(graph.states):
        tensors[state.read] = f"state{i}_old"
    counts: dict[str, int] = {}
    nodes = []
    for node in graph.nodes:
        number = counts.get(node.op.kind, 0)
        counts[node.op.kind] = number + 1
        name = f"{node.op.kind}{number}"
        for i, output in enumerate(node.outputs):
            tensors[output] = f"{name}_out" if i == 0 else f"{name}_out{i}"
        nodes.append(replace(node, name=name))
    for i, name in enumerate(graph.outputs):
        if name not in graph.inputs:
            tensors[name] = "output" if len(graph.outputs) == 1 else f"output{i}"
    return Graph(
        tensors=tuple(replace(t, name=tensors[t.name]) for t in graph.tensors if t.name in tensors),
        nodes=tuple(
            replace(
                n,
                inputs=tuple(tensors[i] for i in n.inputs),
                outputs=tuple(tensors[o] for o in n.outputs),
            )
            for n in nodes
        ),
        inputs=tuple(tensors[i] for i in graph.inputs),
        outputs=tuple(tensors[o] for o in graph.outputs),
        states=tuple(
            replace(s, read=tensors[s.read], write=tensors[s.write]) for s in graph.states
        ),
    )
