"""PReLU: one multiplier for positive values, one a channel for the others."""

from pyexport.integer.table import QuantizedPRelu
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant, range_params
from pyexport.lower.packing import plain_const
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedPRelu)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedPRelu):
        raise TypeError(f"{node.name} is {op.kind}")
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    size = graph.tensor(node.inputs[0]).size
    least, greatest = source.low - source.zero_point, source.high - source.zero_point
    ends = [0, op.positive * greatest, *(int(s) * least for s in op.slope)]
    return Lowered(
        consts=(plain_const(f"{node.name}_slope", op.slope, "s16", "for values below zero"),),
        params=(
            ("rows", size // len(op.slope)),
            ("channels", len(op.slope)),
            ("positive", op.positive),
            ("in_dtype", source.dtype),
            ("in_zero", source.zero_point),
            *range_params(target),
            ("shift", op.shift),
        ),
        acc_low=min(ends),
        acc_high=max(ends),
        trace_size=size,
    )


KERNEL = Kernel(
    name="prelu_q15",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.outputs[0]).size,
    reuse=element_for_element,
    template="ops/prelu_q15.h.j2",
)
