"""The mean of each window, rounded once."""

from pyexport.integer.pool import QuantizedAveragePool2d, sum_bounds
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import output_params, quant
from pyexport.lower.kernels.windows import divisor_tables, window_params, window_reads
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedAveragePool2d)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedAveragePool2d):
        raise TypeError(f"{node.name} is {op.kind}")
    source = quant(graph, node.inputs[0])
    low, high = sum_bounds(op.kernel[0] * op.kernel[1], source)
    one = len(op.divisors) == 1
    return Lowered(
        consts=() if one else divisor_tables(node.name, op),
        params=(
            *window_params(op, node, graph),
            ("divisors", 1 if one else int(op.divisors.max())),
            ("multiplier", int(op.multiplier[0]) if one else 0),
            ("in_dtype", source.dtype),
            ("in_zero", source.zero_point),
            *output_params(graph, node.outputs[0], op.shift, op.pre_shift),
        ),
        acc_low=low,
        acc_high=high,
        trace_size=graph.tensor(node.outputs[0]).size,
    )


KERNEL = Kernel(
    name="average_pool2d_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=window_reads,
    template="ops/average_pool2d_q15x.h.j2",
)
