"""Integer linear layers of any sums in as many steps for every input."""

from __future__ import annotations

from pyexport.ir import Graph, Node, QuantizedLinear
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import (
    common_params,
    cost,
    parameter_tables,
    quantized_linear,
)
from pyexport.lower.packing import plain_const
from pyexport.lower.swar import multiplies


def _lower(node: Node, graph: Graph, steps: bool) -> Lowered:
    op = quantized_linear(node)
    shared = len(set(op.shift.tolist())) == 1
    tables = parameter_tables(node)
    if not shared:
        tables += (plain_const(f"{node.name}_shift", op.shift, "u8", "1..30, one an output"),)
    return Lowered(
        consts=tables,
        params=(
            *common_params(node, graph),
            ("shift", int(op.shift[0]) if shared else 0),
            ("steps", int(steps)),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=len(op.bias),
    )


def _kernel(steps: bool) -> Kernel:
    return Kernel(
        name="linear_q15x_ct",
        matches=lambda node, graph, target: (
            isinstance(node.op, QuantizedLinear) and multiplies(target) != steps
        ),
        lower=lambda node, graph: _lower(node, graph, steps),
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/linear_q15x_ct.h.j2",
        goals=("constant-time",),
        constant_time=True,
    )


KERNELS = (_kernel(False), _kernel(True))
