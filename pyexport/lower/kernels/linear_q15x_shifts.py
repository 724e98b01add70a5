"""Integer linear layers whose outputs differ too much in scale to share one shift."""

from pyexport.ir import Graph, Node, QuantizedLinear
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import (
    common_params,
    cost,
    parameter_tables,
    quantized_linear,
)
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedLinear)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_linear(node)
    shifts = plain_const(f"{node.name}_shift", op.shift, "u8", "1..30, one an output")
    return Lowered(
        consts=(*parameter_tables(node), shifts),
        params=common_params(node, graph),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=len(op.bias),
    )


KERNEL = Kernel(
    name="linear_q15x_shifts",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/linear_q15x_shifts.h.j2",
)
