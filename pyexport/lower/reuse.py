"""What a kernel lets its tensors share: bytes taken over element for element, and views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from pyexport.fixedpoint import ITEM_BYTES
from pyexport.ir import Graph, Node, Tensor
from pyexport.lower.memory import View


@dataclass(frozen=True)
class Reuse:
    """What the planner may do with the tensors of a node beyond keeping them apart."""

    in_place: tuple[str, ...] = ()  # inputs whose bytes the first output may take
    views: tuple[View, ...] = ()  # where all hold, the node needs no code


def no_reuse(node: Node, graph: Graph) -> Reuse:
    """Return nothing: the kernel may write its outputs before it has read its inputs."""
    return Reuse()


def element_for_element(node: Node, graph: Graph) -> Reuse:
    """Return the inputs with as many and as wide elements as the first output.

    For kernels that read element i of every input for the last time before they write element i,
    and write in ascending order.
    """
    out = graph.tensor(node.outputs[0])
    wanted = (out.size, ITEM_BYTES[out.dtype])
    fitting = [
        name
        for name in dict.fromkeys(node.inputs)
        if (graph.tensor(name).size, ITEM_BYTES[graph.tensor(name).dtype]) == wanted
    ]
    return Reuse(in_place=tuple(fitting))


def same_bytes(node: Node, graph: Graph) -> Reuse:
    """Return the output as a view of the input: reshape, flatten, squeeze."""
    return Reuse(views=(View(node.outputs[0], node.inputs[0], 0),))


def side_by_side(node: Node, graph: Graph, axis: int) -> Reuse:
    """Return the inputs of a concatenation as views of its output, or nothing.

    They lie there in one piece only if no axis before the joined one has a length: the producers
    then write straight into the result. Scales must be equal, which the caller checks.
    """
    views = _parts(node.inputs, node.outputs[0], axis, graph)
    return Reuse(views=tuple(View(part, whole, at) for part, whole, at in views))


def cut_apart(node: Node, graph: Graph, axis: int) -> Reuse:
    """Return the outputs of a split as views of its input, or nothing; see side_by_side."""
    views = _parts(node.outputs, node.inputs[0], axis, graph)
    return Reuse(views=tuple(View(part, whole, at) for part, whole, at in views))


def cut_out(node: Node, graph: Graph, axis: int, start: int) -> Reuse:
    """Return the output of a slice with step 1 as a view of its input, or nothing."""
    whole = graph.tensor(node.inputs[0])
    if prod(whole.shape[:axis]) != 1:
        return Reuse()
    return Reuse(views=(View(node.outputs[0], whole.name, start * _row_bytes(whole, axis)),))


def _parts(names: Sequence[str], whole: str, axis: int, graph: Graph) -> list[tuple[str, str, int]]:
    if prod(graph.tensor(whole).shape[:axis]) != 1:
        return []
    found, at = [], 0
    for name in names:
        found.append((name, whole, at))
        tensor = graph.tensor(name)
        at += tensor.shape[axis] * _row_bytes(tensor, axis)
    return found


def _row_bytes(tensor: Tensor, axis: int) -> int:
    """Return the bytes of one index of an axis."""
    return prod(tensor.shape[axis + 1 :]) * ITEM_BYTES[tensor.dtype]
