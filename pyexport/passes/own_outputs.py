"""Gives each output of several a tensor of its own."""

from dataclasses import replace

from pyexport.ir import Graph, Node, Reshape, Tensor


def own_outputs(graph: Graph) -> Graph:
    """Return the graph with a copy for each output that is an input, a state or another output.

    The firmware writes every output into its own array. A network of one output is left as it is.
    """
    if len(graph.outputs) == 1:
        return graph
    taken = {*graph.inputs, *(s.read for s in graph.states), *(s.write for s in graph.states)}
    names = {tensor.name for tensor in graph.tensors}
    tensors, nodes, outputs = list(graph.tensors), list(graph.nodes), list[str]()
    for number, name in enumerate(graph.outputs):
        if name not in taken:
            taken.add(name)
            outputs.append(name)
            continue
        source = graph.tensor(name)
        copy = _unused(f"{name}_copy", number, names)
        names.add(copy)
        tensors.append(Tensor(copy, source.shape, layout=source.layout))
        nodes.append(Node(f"copy{number}_{name}", Reshape(source.shape), (name,), (copy,)))
        outputs.append(copy)
    return replace(graph, tensors=tuple(tensors), nodes=tuple(nodes), outputs=tuple(outputs))


def _unused(stem: str, number: int, names: set[str]) -> str:
    return next(n for n in (f"{stem}{i}" for i in range(number, number + len(names) + 1))
                if n not in names)  # fmt: skip
