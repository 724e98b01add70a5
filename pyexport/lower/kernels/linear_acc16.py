"""Integer linear layers with 16-bit sums in pairs of registers, for AVR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.ir import Array, Graph, Node, QuantizedLinear
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quant, quantized_linear
from pyexport.lower.packing import plain_const
from pyexport.program import Const
from pyexport.targets import Target

MOST_SUMS = 11  # pairs of registers that two pointers, a product and its factors leave
MAX_MULTIPLIER = (1 << 16) - 1
PRODUCT_BITS = 16  # whose low half no rounding needs: only the high half is shifted
BYTE_SHIFT = 8  # of the high half, after which a byte is there without a shift
MAX_SHIFT = 15


@dataclass(frozen=True, eq=False)
class Rounding:
    """How a sum becomes a byte: ((acc * multiplier >> 16) + half) >> shift, and the zero point."""

    multiplier: Array  # (n_out,), 0..65535
    shift: int  # 1..15, of all outputs
    wide: bool  # whether the high half, with half and zero point, may leave 16 bits


def matches(node: Node, graph: Graph, target: Target | None) -> bool:
    """Return whether the layer's sums fit 16 bits, on AVR."""
    op = node.op
    return (
        isinstance(op, QuantizedLinear)
        and target is not None
        and target.family == "avr"
        and quant(graph, node.inputs[0]).dtype in ("u8", "s8")
        and swar.sums_fit(op.acc_low, op.acc_high)
        and rounding(node, graph) is not None
    )


def rounding(node: Node, graph: Graph) -> Rounding | None:
    """Return the cheapest rounding of 16-bit sums that gives the bytes of q15x, if there is one.

    Both roundings of q15x are floors, so that one shift does the same; and a multiplier twice as
    large with a shift by one more does too. So all outputs get one shift, 8 where that is possible.
    """
    op = quantized_linear(node)
    target = quant(graph, node.outputs[0])
    shifts = swar.combined_shifts(op.shift, op.pre_shift)
    if shifts is None:
        return None
    acc_low, acc_high = op.acc_low.astype(np.int64), op.acc_high.astype(np.int64)
    least = max(int(shifts.max()) - PRODUCT_BITS, 1)
    found = None
    for shift in range(least, max(least, BYTE_SHIFT) + 1):
        grown = op.multiplier.astype(np.int64) << (shift + PRODUCT_BITS - shifts)
        if shift > MAX_SHIFT or grown.max() > MAX_MULTIPLIER:
            break
        offset = (1 << (shift - 1)) + ((target.zero_point - target.low) << shift)
        ends = [(end * grown >> PRODUCT_BITS) + offset for end in (acc_low, acc_high)]
        wide = int(min(e.min() for e in ends)) < -(1 << 15)
        wide = wide or int(max(e.max() for e in ends)) >= 1 << 15
        if found is None or not wide:
            found = Rounding(grown, shift, wide)
    return found


def block_sizes(n_out: int) -> tuple[int, ...]:
    """Return how many outputs each block sums: as few blocks as possible, as even as possible."""
    blocks = -(-n_out // MOST_SUMS)
    size, larger = divmod(n_out, blocks)
    return (size + 1,) * larger + (size,) * (blocks - larger)


def packed_weights(name: str, weight: Array, bias: Array) -> Const:
    """Return bytes in the order in which they are read: of each block its biases, its weights."""
    wrapped = (bias.astype(np.int64) & 0xFFFF).astype("<u2")  # a sum may wrap until it is final
    parts, at = [], 0
    for size in block_sizes(len(weight)):
        rows = slice(at, at + size)
        parts += [wrapped[rows].view(np.int8), weight[rows].T.ravel()]
        at += size
    note = "of each block 2 bytes of bias an output, then [inputs][outputs]"
    return plain_const(f"{name}_weight", np.concatenate(parts), "s8", note)


def _lower(node: Node, graph: Graph, skips: bool) -> Lowered:
    op = quantized_linear(node)
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    scale = rounding(node, graph)
    assert scale is not None  # it matches
    n_out, n_in = op.weight.shape
    note = f"of 2^{PRODUCT_BITS + scale.shift}, one an output"
    return Lowered(
        consts=(
            packed_weights(node.name, op.weight, op.bias),
            plain_const(f"{node.name}_multiplier", scale.multiplier, "u16", note),
        ),
        params=(
            ("n_in", n_in),
            ("n_out", n_out),
            ("blocks", " ".join(map(str, block_sizes(n_out)))),
            ("skips", int(skips)),
            ("in_dtype", source.dtype),
            ("out_dtype", target.dtype),
            ("zero_point", target.zero_point),
            ("low", target.low),
            ("high", target.high),
            ("shift", scale.shift),
            ("wide", int(scale.wide)),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=n_out,
    )


def _kernel(goals: tuple[str, ...], skips: bool) -> Kernel:
    return Kernel(
        name="linear_acc16",
        matches=matches,
        lower=lambda node, graph: _lower(node, graph, skips),
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/linear_acc16.h.j2",
        goals=goals,
        constant_time=not skips,
    )


KERNELS = (_kernel(("balanced", "speed"), True), _kernel(("constant-time",), False))
