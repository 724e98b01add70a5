"""Sums and differences of two tensors, rounded once."""

from pyexport.integer.elementwise import QuantizedAdd, add_bounds
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.operands import operand_params
from pyexport.lower.kernels.sums import quant, range_params
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedAdd)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedAdd):
        raise TypeError(f"{node.name} is {op.kind}")
    target = quant(graph, node.outputs[0])
    low, high = add_bounds(op, [graph.tensor(name) for name in node.inputs])
    return Lowered(
        consts=(),
        params=(
            ("label", op.label or "add"),
            *operand_params(node, graph),
            ("multiplier_a", op.multiplier_a),
            ("multiplier_b", op.multiplier_b),
            ("start", op.offset),
            *range_params(target),
            ("shift", op.shift),
        ),
        acc_low=low,
        acc_high=high,
        trace_size=graph.tensor(node.outputs[0]).size,
    )


KERNEL = Kernel(
    name="add_q15",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    reuse=element_for_element,
    template="ops/add_q15.h.j2",
)
