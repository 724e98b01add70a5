"""Puts what a network was trained on, (x - mean) / std of a raw value, in front of its graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.ir import Affine, Graph, Node, Op, Reshape, Tensor
from pyexport.layout import to_device, user_shape
from pyexport.statement_check import normalization
from pyexport.statements import Statements

SOURCE = "input normalization"  # of the nodes, in place of a module path


def normalize_input(graph: Graph, statements: Statements, where: str) -> Graph:
    """Return the graph that takes the raw value; the same one where nothing was stated.

    The map has one scale and shift an element: an input of several dimensions is flat meanwhile.
    """
    raw = graph.input
    found = normalization(statements, where, user_shape(raw))
    if found is None:
        return graph
    scale, shift = (to_device(np.array([values]), raw).reshape(-1) for values in found)
    ops: list[tuple[Op, tuple[int, ...]]] = [(Affine(scale, shift), (raw.size,))]
    if len(raw.shape) > 1:
        flat = (raw.size,)
        ops = [(Reshape(flat), flat), *ops, (Reshape(raw.shape), raw.shape)]
    names = {t.name for t in graph.tensors} | {n.name for n in graph.nodes}
    tensors, nodes, before = list[Tensor](), list[Node](), raw.name
    for op, shape in ops:
        name = _unused("normalized", names)
        tensors.append(Tensor(name, shape))
        nodes.append(Node(_unused("normalize", names), op, (before,), (name,), SOURCE))
        before = name
    fed = tuple(
        replace(node, inputs=tuple(before if name == raw.name else name for name in node.inputs))
        for node in graph.nodes
    )
    outputs = tuple(before if name == raw.name else name for name in graph.outputs)
    return replace(
        graph,
        tensors=(*graph.tensors, *tensors),
        nodes=(*nodes, *fed),
        outputs=outputs,
    )


def _unused(stem: str, names: set[str]) -> str:
    """Return a name that is not taken, and take it."""
    name = next(n for n in (f"{stem}{i}" for i in range(len(names) + 1)) if n not in names)
    names.add(name)
    return name
