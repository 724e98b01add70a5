"""Copies a stored tensor to where others read it."""

from pyexport.integer.elementwise import QuantizedConstant
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedConstant)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedConstant):
        raise TypeError(f"{node.name} is {op.kind}")
    target = quant(graph, node.outputs[0])
    return Lowered(
        consts=(plain_const(f"{node.name}_value", op.value, target.dtype, "a stored tensor"),),
        params=(("size", len(op.value)), ("dtype", target.dtype)),
    )


KERNEL = Kernel(
    name="constant",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    template="ops/constant.h.j2",
    constant_time=True,
)
