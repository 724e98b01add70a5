"""Joins tensors of one scale along an axis."""

import math

from pyexport.integer.shape import QuantizedConcat
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.nest import text
from pyexport.lower.kernels.sums import quant
from pyexport.lower.reuse import Reuse, side_by_side
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedConcat)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedConcat):
        raise TypeError(f"{node.name} is {op.kind}")
    shapes = [graph.tensor(name).shape for name in node.inputs]
    return Lowered(
        consts=(),
        params=(
            ("rows", math.prod(shapes[0][: op.axis])),
            ("runs", text([math.prod(shape[op.axis :]) for shape in shapes])),
            ("dtype", quant(graph, node.outputs[0]).dtype),
        ),
    )


def _reuse(node: Node, graph: Graph) -> Reuse:
    op = node.op
    return side_by_side(node, graph, op.axis) if isinstance(op, QuantizedConcat) else Reuse()


KERNEL = Kernel(
    name="concat",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    reuse=_reuse,
    template="ops/concat.h.j2",
    constant_time=True,
)
