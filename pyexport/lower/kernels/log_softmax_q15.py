"""Integer log-softmax: tables of exponentials and of logarithms, no division."""

from pyexport.integer.softmax import QuantizedLogSoftmax, log_bounds, row_length
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import quant, range_params
from pyexport.lower.packing import plain_const
from pyexport.lower.reuse import element_for_element
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedLogSoftmax)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedLogSoftmax):
        raise TypeError(f"{node.name} is {op.kind}")
    result, target = graph.tensor(node.outputs[0]), quant(graph, node.outputs[0])
    n = row_length(result)
    low, high = log_bounds(op)
    return Lowered(
        consts=(
            plain_const(f"{node.name}_table", op.table, "u16", "32768 * exp(-d * scale)"),
            plain_const(f"{node.name}_logs", op.logs, "s32", "log(1 + (m + 1/2) / 256)"),
        ),
        params=(
            ("rows", result.size // n),
            ("n", n),
            ("in_dtype", quant(graph, node.inputs[0]).dtype),
            *range_params(target),
            ("multiplier", op.multiplier),
            ("octave", op.octave),
            ("shift", op.shift),
        ),
        acc_low=low,
        acc_high=high,
        trace_size=result.size,
    )


KERNEL = Kernel(
    name="log_softmax_q15",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
    template="ops/log_softmax_q15.h.j2",
    reuse=element_for_element,
)
