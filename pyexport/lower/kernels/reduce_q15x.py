"""Sums and means along an axis, rounded once."""

from pyexport.integer.pool import QuantizedReduce, sum_bounds
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.sums import output_params, quant
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedReduce)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = node.op
    if not isinstance(op, QuantizedReduce):
        raise TypeError(f"{node.name} is {op.kind}")
    source = quant(graph, node.inputs[0])
    low, high = sum_bounds(op.count, source)
    return Lowered(
        consts=(),
        params=(
            ("label", op.label or "sum"),
            ("outer", op.outer),
            ("count", op.count),
            ("inner", op.inner),
            ("multiplier", int(op.multiplier[0])),
            ("in_dtype", source.dtype),
            ("in_zero", source.zero_point),
            *output_params(graph, node.outputs[0], op.shift, op.pre_shift),
        ),
        acc_low=low,
        acc_high=high,
        trace_size=op.outer * op.inner,
    )


KERNEL = Kernel(
    name="reduce_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
    template="ops/reduce_q15x.h.j2",
)
