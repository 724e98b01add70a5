"""Puts one byte around a tensor."""

from pyexport.integer.shape import QuantizedPad
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.nest import merged, row_strides, text
from pyexport.lower.kernels.sums import quant
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedPad)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedPad):
        raise TypeError(f"{node.name} is {op.kind}")
    source, target = graph.tensor(node.inputs[0]), graph.tensor(node.outputs[0])
    steps = row_strides(target.shape)
    sizes, (inner, outer) = merged(source.shape, row_strides(source.shape), steps)
    offset = sum(before * step for (before, _), step in zip(op.pads, steps, strict=True))
    return Lowered(
        consts=(),
        params=(
            ("in_size", source.size),
            ("out_size", target.size),
            ("dtype", quant(graph, node.inputs[0]).dtype),
            ("sizes", text(sizes)),
            ("from_strides", text(inner)),
            ("to_strides", text(outer)),
            ("offset", offset),
            ("value", op.value),
        ),
    )


KERNEL = Kernel(
    name="pad",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    template="ops/pad.h.j2",
    constant_time=True,
)
