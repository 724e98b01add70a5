"""What passes share that rebuild a graph node by node: a new graph in the making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyexport.ir import Constant, Graph, Node, Op, Tensor, output_shapes

Shape = tuple[int, ...]


class Rewriter:
    """Collects the tensors and nodes of a new graph beside the old one."""

    def __init__(self, graph: Graph) -> None:
        self.old = graph
        self.tensors = {t.name: t for t in graph.tensors if t.name in _given(graph)}
        self.nodes: list[Node] = []
        self.constants: dict[str, Constant] = {}
        self._taken = {t.name for t in graph.tensors}
        self._node_names = {n.name for n in graph.nodes}

    def shape(self, name: str) -> Shape:
        """Return the shape of a tensor of the new graph."""
        return self.tensors[name].shape

    def keep(self, node: Node, op: Op, inputs: Sequence[str]) -> None:
        """Append a node of the old graph with another operator or other inputs."""
        shapes = output_shapes(op, *(self.shape(name) for name in inputs))
        for name, shape in zip(node.outputs, shapes, strict=True):
            self.tensors[name] = replace(self.old.tensor(name), shape=shape)
        self.nodes.append(replace(node, op=op, inputs=tuple(inputs)))
        if isinstance(op, Constant):
            self.constants[node.outputs[0]] = op

    def insert(self, op: Op, inputs: Sequence[str], near: str, source: str) -> str:
        """Append a new node of one result, called after the tensor `near`; return the result."""
        (shape,) = output_shapes(op, *(self.shape(name) for name in inputs))
        name = _unused(f"{near}_{op.kind}", self._taken)
        node = _unused(f"{name}_node", self._node_names)
        self.tensors[name] = Tensor(name, shape)
        self.nodes.append(Node(node, op, tuple(inputs), (name,), source))
        if isinstance(op, Constant):
            self.constants[name] = op
        return name

    def set_tensor(self, name: str, **changes: object) -> None:
        """Change fields of a tensor of the new graph."""
        self.tensors[name] = replace(self.tensors[name], **changes)  # type: ignore[arg-type]

    def finish(self, outputs: Sequence[str], writes: Sequence[str]) -> Graph:
        """Return the graph of these outputs; `writes` are the new values of its states."""
        states = tuple(
            replace(state, write=write)
            for state, write in zip(self.old.states, writes, strict=True)
        )
        return Graph(
            tuple(self.tensors.values()),
            tuple(self.nodes),
            self.old.inputs,
            tuple(outputs),
            states,
        )


def _given(graph: Graph) -> set[str]:
    """Return the tensors that no node writes."""
    return {*graph.inputs, *(state.read for state in graph.states)}


def _unused(stem: str, names: set[str]) -> str:
    """Return a name that is not taken, and take it."""
    numbered = (f"{stem}{i}" for i in range(len(names) + 1))
    name = next(n for n in (stem, *numbered) if n not in names)
    names.add(name)
    return name
