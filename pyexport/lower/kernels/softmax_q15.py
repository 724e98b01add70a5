"""Integer softmax: a table of exponentials and one 32-bit division."""

from pyexport.integer.softmax import row_length
from pyexport.ir import Graph, Node, QuantizedSoftmax
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import quant
from pyexport.lower.packing import plain_const
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    result = graph.tensor(node.outputs[0])
    return isinstance(node.op, QuantizedSoftmax) and row_length(result) == result.size


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedSoftmax):
        raise TypeError(f"{node.name} is {op.kind}")
    n = graph.tensor(node.inputs[0]).size
    table = plain_const(f"{node.name}_table", op.table, "u16", "32768 * exp(-d * scale)")
    return Lowered(
        consts=(table,),
        params=(("n", n), ("in_dtype", quant(graph, node.inputs[0]).dtype)),
        acc_low=int(op.table[0]),
        acc_high=int(op.table[0]) * n,
        trace_size=1,
    )


KERNEL = Kernel(
    name="softmax_q15",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
    reuse=element_for_element,
    template="ops/softmax_q15.h.j2",
)
