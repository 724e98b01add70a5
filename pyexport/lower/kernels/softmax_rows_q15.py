"""Integer softmax of many rows: the kernel of one row, place by place."""

from pyexport.integer.softmax import row_length
from pyexport.ir import Graph, Node, QuantizedSoftmax
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant
from pyexport.lower.packing import plain_const
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedSoftmax)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedSoftmax):
        raise TypeError(f"{node.name} is {op.kind}")
    result = graph.tensor(node.outputs[0])
    n = row_length(result)
    return Lowered(
        consts=(plain_const(f"{node.name}_table", op.table, "u16", "32768 * exp(-d * scale)"),),
        params=(
            ("rows", result.size // n),
            ("n", n),
            ("in_dtype", quant(graph, node.inputs[0]).dtype),
        ),
        acc_low=int(op.table[0]),
        acc_high=int(op.table[0]) * n,
        trace_size=result.size // n,
    )


KERNEL = Kernel(
    name="softmax_rows_q15",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
    template="ops/softmax_rows_q15.h.j2",
    reuse=element_for_element,
)
