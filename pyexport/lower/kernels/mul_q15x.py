"""Products of two tensors, rounded once."""

from pyexport.integer.elementwise import QuantizedMul, mul_bounds
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.operands import operand_params
from pyexport.lower.kernels.sums import output_params, quant
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedMul)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedMul):
        raise TypeError(f"{node.name} is {op.kind}")
    low, high = mul_bounds([graph.tensor(name) for name in node.inputs])
    return Lowered(
        consts=(),
        params=(
            *operand_params(node, graph),
            ("zero_a", quant(graph, node.inputs[0]).zero_point),
            ("zero_b", quant(graph, node.inputs[1]).zero_point),
            ("multiplier", int(op.multiplier[0])),
            *output_params(graph, node.outputs[0], op.shift, op.pre_shift),
        ),
        acc_low=low,
        acc_high=high,
        trace_size=graph.tensor(node.outputs[0]).size,
    )


KERNEL = Kernel(
    name="mul_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    reuse=element_for_element,
    template="ops/mul_q15x.h.j2",
)
