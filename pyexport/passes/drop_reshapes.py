"""Removes reshapes that nobody needs, and moves others behind what works on any shape."""

from __future__ import annotations

from collections.abc import Sequence

from pyexport.ir import (
    Activation,
    Add,
    Affine,
    Clamp,
    Graph,
    Linear,
    Mul,
    Node,
    PRelu,
    Reshape,
    Softmax,
    Sub,
)
from pyexport.passes.rewriting import Rewriter, Shape

_ANY_SHAPE = (Clamp, Activation)
_LAST_AXIS = (Affine, PRelu, Softmax)  # whatever the axes before
_ANY_PAIR = (Add, Sub, Mul)  # of two tensors of one shape


def drop_reshapes(graph: Graph) -> Graph:
    """Return the graph in which a reshape stands only where an operator needs its shape.

    Elements keep their order, so a linear layer reads what was before a flatten. An operator on
    single elements goes first, so that it meets the layer that takes it in. A graph output keeps
    the shape that it has without the reshape.
    """
    return _Walk(graph).run()


class _Walk:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._new = Rewriter(graph)
        # Of each tensor of the old graph: one of the new, and the shape that it should have.
        self._views = {name: (name, t.shape) for name, t in self._new.tensors.items()}
        self._made: dict[tuple[str, Shape], str] = {}

    def run(self) -> Graph:
        for node in self._graph.nodes:
            self._node(node)
        outputs: list[str] = []
        given = {*self._graph.inputs, *(state.read for state in self._graph.states)}
        wanted = [self._views[name][0] for name in self._graph.outputs]
        for name in self._graph.outputs:
            stored, shape = self._views[name]
            layout = self._graph.tensor(name).layout
            # A layout says where the last axis goes: it must be the same one.
            moved = bool(layout) and self._new.shape(stored)[-1] != shape[-1]
            shared = wanted.count(stored) > 1 or stored in self._new.constants
            if stored in given or moved or shared:
                stored = self._plain(name, "")
            if layout:
                self._new.set_tensor(stored, layout=layout)
            outputs.append(stored)
        writes = [self._plain(state.write, "") for state in self._graph.states]
        return self._new.finish(outputs, writes)

    def _node(self, node: Node) -> None:
        op, views = node.op, [self._views[name] for name in node.inputs]
        stored = [name for name, _ in views]
        shapes = [self._new.shape(name) for name in stored]
        match op:
            case Reshape():
                self._views[node.outputs[0]] = (stored[0], op.shape)
            case Linear():
                self._keep(node, stored)
            case _ if isinstance(op, _ANY_SHAPE) or (
                isinstance(op, _LAST_AXIS)
                and shapes[0][-1] == views[0][1][-1]
                and getattr(op, "axis", -1) == -1
            ):
                self._keep(node, stored, views[0][1])
            case _ if (
                isinstance(op, _ANY_PAIR)
                and views[0][1] == views[1][1]
                and (shapes[0] == shapes[1])
            ):
                self._keep(node, stored, views[0][1])
            case _:
                self._keep(node, [self._plain(name, node.source) for name in node.inputs])

    def _keep(self, node: Node, inputs: Sequence[str], shape: Shape | None = None) -> None:
        self._new.keep(node, node.op, inputs)
        for name in node.outputs:
            self._views[name] = (name, shape or self._new.shape(name))

    def _plain(self, name: str, source: str) -> str:
        """Return a tensor of the shape that one of the old graph should have."""
        stored, shape = self._views[name]
        if self._new.shape(stored) == shape:
            return stored
        if (stored, shape) not in self._made:
            made = self._new.insert(Reshape(shape), [stored], stored, source)
            self._made[stored, shape] = made
        return self._made[stored, shape]
