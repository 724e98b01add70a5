"""Integer linear layers with 16-bit sums in pairs of registers, for cores of 8 bits."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Graph, Node, QuantizedLinear
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import common_params, cost, quantized_linear
from pyexport.lower.packing import plain_const
from pyexport.targets import Target

BLOCK = 8  # even: outputs whose sums share the registers; of 4, 6 and 8 the fewest cycles


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    op = node.op
    return (
        isinstance(op, QuantizedLinear)
        and len(op.bias) > 1
        and target is not None
        and target.family == "avr"
        and swar.sums_fit(op.acc_low, op.acc_high)
        and len(set(op.shift.tolist())) == 1
    )


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_linear(node)
    n_out, n_in = op.weight.shape
    blocks = swar.blocks_of(n_out, BLOCK)
    parts, at = [], 0
    for size in blocks.sizes:
        parts.append(op.weight[at : at + size].T.ravel())
        at += size
    note = f"[blocks of {blocks.size} outputs][{n_in} inputs][outputs]"
    return Lowered(
        consts=(
            plain_const(f"{node.name}_weight", np.concatenate(parts), "s8", note),
            plain_const(f"{node.name}_bias", op.bias, "s32", "-zero_point * sum(weights) included"),
            plain_const(f"{node.name}_multiplier", op.multiplier, "u16", "q15x, one an output"),
        ),
        params=(
            *common_params(node, graph),
            ("shift", int(op.shift[0])),
            ("block", blocks.size),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=n_out,
    )


KERNEL = Kernel(
    name="linear_acc16",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/linear_acc16.h.j2",
    goals=("balanced", "speed"),
)
