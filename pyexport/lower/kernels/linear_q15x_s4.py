"""Integer linear layers with weights of 4 bits, two a byte of flash, for any range of the sums."""

from pyexport.ir import Graph, Node, QuantizedLinear
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import (
    common_params,
    cost,
    parameter_tables,
    quantized_linear,
)
from pyexport.lower.packing import is_4bit, nibbles, plain_const
from pyexport.targets import Target

MIN_WEIGHTS = 128  # fewer save less flash than the code that unpacks them takes


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    op = node.op
    return isinstance(op, QuantizedLinear) and op.weight.size >= MIN_WEIGHTS and is_4bit(op.weight)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_linear(node)
    n_out, n_in = op.weight.shape
    note = f"+8, first in the low half: [{n_out} outputs][{n_in} inputs, 2 a byte]"
    tables = [
        plain_const(f"{node.name}_weight", nibbles(op.weight), "u8", note),
        *parameter_tables(node)[1:],
    ]
    shared = len(set(op.shift.tolist())) == 1
    if not shared:
        tables.append(plain_const(f"{node.name}_shift", op.shift, "u8", "1..30, one an output"))
    return Lowered(
        consts=tuple(tables),
        params=(*common_params(node, graph), ("shift", int(op.shift[0]) if shared else 0)),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=n_out,
    )


KERNEL = Kernel(
    name="linear_q15x_s4",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/linear_q15x_s4.h.j2",
    goals=("size", "balanced"),
)
