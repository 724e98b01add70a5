"""Integer linear layers with 16-bit sums in pairs of registers, for AVR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.fixedpoint import RANGES
from pyexport.ir import Array, Graph, Node, QuantizedLinear
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quant, quantized_linear
from pyexport.lower.kernels.sums import range_params
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
    shift: Array  # (n_out,), 1..15
    wide: bool  # whether what is shifted, zero point included, may leave 16 bits

    @property
    def shared(self) -> bool:
        """Whether all outputs have the same shift."""
        return len(set(self.shift.tolist())) == 1


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
    large with a shift by one more does too. So outputs share a shift, 8 at best, where they can.
    """
    op = quantized_linear(node)
    shifts = swar.combined_shifts(op.shift, op.pre_shift)
    if shifts is None:
        return None
    own = np.maximum(shifts - PRODUCT_BITS, 1)
    least = int(own.max())
    found = None
    for shift in range(least, max(least, BYTE_SHIFT) + 1):
        shared = _rounding(node, graph, np.full_like(own, shift))
        if shared is not None and (found is None or not shared.wide):
            found = shared
    if found is None:
        found = _rounding(node, graph, own)
        found = None if found is None or found.wide else found
    return found


def _rounding(node: Node, graph: Graph, shift: Array) -> Rounding | None:
    """Return the rounding with these shifts, if the multipliers for them fit 16 bits."""
    op = quantized_linear(node)
    target = quant(graph, node.outputs[0])
    shifts = swar.combined_shifts(op.shift, op.pre_shift)
    assert shifts is not None
    grown = op.multiplier.astype(np.int64) << (shift + PRODUCT_BITS - shifts)
    if shift.max() > MAX_SHIFT or grown.max() > MAX_MULTIPLIER:
        return None
    offset = 1 << (shift - 1)
    if len(set(shift.tolist())) == 1:  # the zero point is added before the shift
        offset = offset + ((target.zero_point - target.low) << shift)
    ends = [
        (end.astype(np.int64) * grown >> PRODUCT_BITS) + offset for end in (op.acc_low, op.acc_high)
    ]
    low, high = RANGES["s16"]
    return Rounding(grown, shift, int(ends[0].min()) < low or int(ends[1].max()) > high)


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


def lowered(node: Node, graph: Graph, skips: bool) -> Lowered:
    """Return tables and numbers; not skips: as many cycles for every input."""
    op = quantized_linear(node)
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    scale = rounding(node, graph)
    assert scale is not None  # it matches
    n_out, n_in = op.weight.shape
    return Lowered(
        consts=(
            packed_weights(node.name, op.weight, op.bias),
            *swar.rounding_tables(node.name, scale.multiplier, scale.shift),
        ),
        params=(
            ("n_in", n_in),
            ("n_out", n_out),
            ("blocks", " ".join(map(str, block_sizes(n_out)))),
            ("skips", int(skips)),
            ("in_dtype", source.dtype),
            *range_params(target),
            *swar.rounding_params(scale.shift),
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
        lower=lambda node, graph: lowered(node, graph, skips),
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/linear_acc16.h.j2",
        goals=goals,
        constant_time=not skips,
    )


KERNELS = (_kernel(("balanced", "speed"), True), _kernel(("constant-time",), False))
