"""Transposed convolutions, gathered: each output adds up the inputs that reach it."""

from math import gcd

import numpy as np

from pyexport.integer.conv import QuantizedConvTranspose2d
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.conv2d_q15x import sizes
from pyexport.lower.kernels.sums import output_params, quant, scale_tables, weighted_start
from pyexport.lower.packing import plain_const
from pyexport.program import Const
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return isinstance(node.op, QuantizedConvTranspose2d)


def _conv(node: Node) -> QuantizedConvTranspose2d:
    if not isinstance(node.op, QuantizedConvTranspose2d):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def _lower(node: Node, graph: Graph) -> Lowered:
    op, source = _conv(node), quant(graph, node.inputs[0])
    out_height, out_width, n_out = graph.tensor(node.outputs[0]).shape
    _, kernel_height, kernel_width, per_group = op.weight.shape
    shape = f"[{n_out} outputs][{kernel_height} rows][{kernel_width} columns][{per_group} channels]"
    common = [gcd(s, d) for s, d in zip(op.stride, op.dilation, strict=True)]
    return Lowered(
        consts=(
            plain_const(f"{node.name}_weight", op.weight, "s8", shape),
            weighted_start(node.name, op.bias, op.weight, source.zero_point),
            *scale_tables(node.name, op.multiplier, op.shift),
            _phases(f"{node.name}_rows", op, 0),
            _phases(f"{node.name}_columns", op, 1),
        ),
        params=(
            *sizes(op, node, graph),
            ("step_height", op.stride[0] // common[0]),
            ("step_width", op.stride[1] // common[1]),
            ("back_height", op.dilation[0] // common[0]),
            ("back_width", op.dilation[1] // common[1]),
            ("in_zero", source.zero_point),
            *output_params(graph, node.outputs[0], op.shift, op.pre_shift),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=out_height * out_width * n_out,
    )


def _phases(name: str, op: QuantizedConvTranspose2d, axis: int) -> Const:
    """Return for each place between two input elements its first tap, and how far back it reads."""
    stride, dilation, taps = op.stride[axis], op.dilation[axis], op.weight.shape[1 + axis]
    pairs = []
    for phase in range(stride):
        found = [tap for tap in range(taps) if (tap * dilation - phase) % stride == 0]
        pairs.append((found[0], (found[0] * dilation - phase) // stride) if found else (taps, 0))
    note = "first tap and elements back, by place between two elements"
    return plain_const(name, np.array(pairs, dtype=np.int64).reshape(-1), "u16", note)


KERNEL = Kernel(
    name="conv_transpose2d_q15x",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=lambda node, graph: int(_conv(node).weight[0].size) * graph.tensor(node.outputs[0]).size,
    template="ops/conv_transpose2d_q15x.h.j2",
)
