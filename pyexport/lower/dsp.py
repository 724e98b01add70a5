"""What linear kernels on pairs of 16-bit products (SMLAD) share: inputs, weights and rounding.

One instruction adds two products of 16 bits to a sum of 32. A word of flash holds four weights of
an output, as bytes; the inputs are widened once a layer, to two words for four of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyexport.fixedpoint import INT32_MAX, INT32_MIN, RANGES
from pyexport.ir import Array, Graph, Node, QuantizedLinear, QuantParams
from pyexport.lower.kernel import Lowered
from pyexport.lower.kernels.linear_q15x import quant, quantized_linear
from pyexport.lower.packing import plain_const
from pyexport.targets import Target

ROWS = 4  # outputs whose sums are taken together
QUAD = 4  # weights of an output in a word
DSP_TARGETS = ("cortex-m4", "cortex-m7", "cortex-m33")
SUM24 = 8  # bits that a sum of 24 bits is shifted left by, in its 32


@dataclass(frozen=True, eq=False)
class Scaling:
    """y = clamp((high word of acc * multiplier + start) >> shift): one shift for all outputs."""

    multiplier: Array  # (n_out,), int64 in 0..2**31 - 1
    shift: int  # 1..30
    start: int  # the rounding half and the zero point


def has_dsp(target: Target | None) -> bool:
    """Return whether a target has the extension."""
    return target is not None and target.name in DSP_TARGETS


def scaling(node: Node, graph: Graph, left: int) -> Scaling | None:
    """Return the rounding of sums that are shifted left by `left` bits, if 32 bits hold it.

    q15x takes one floor: (acc * m + 2**(t - 1)) >> t with t = 16 + shift - pre_shift. A multiplier
    m * 2**e with e = left a product whose high word is acc * m / 2**(32 - left - e), floored; what
    remains to be shifted is the same for all outputs. Floors of floors are one floor.
    """
    op = quantized_linear(node)
    target = quant(graph, node.outputs[0])
    wanted = 16 + op.shift.astype(np.int64) - op.pre_shift  # t
    multiplier = op.multiplier.astype(np.int64)
    for shift in range(1, 31):
        exponent = shift + 32 - left - wanted
        if exponent.min() < 0 or exponent.max() > 24:
            continue
        factor = multiplier << exponent
        start = (1 << (shift - 1)) + (target.zero_point << shift)
        ends = [(op.acc_low << left) * factor >> 32, (op.acc_high << left) * factor >> 32]
        least, most = int(ends[0].min()) + start, int(ends[1].max()) + start
        if factor.max() <= INT32_MAX and least >= INT32_MIN and most <= INT32_MAX:
            return Scaling(factor, shift, start)
    return None


def matches(node: Node, graph: Graph, target: Target | None, left: int) -> bool:
    """Return whether sums shifted left by `left` bits are proved to fit 32."""
    op = node.op
    return (
        isinstance(op, QuantizedLinear)
        and (target is None or has_dsp(target))  # portable C may run where it is
        and int(op.acc_low.min()) << left >= INT32_MIN
        and int(op.acc_high.max()) << left <= INT32_MAX
        and scaling(node, graph, left) is not None
    )


def rows_of(n_out: int) -> list[int]:
    """Return the outputs of every block; the last holds what is left."""
    full, rest = divmod(n_out, ROWS)
    return [ROWS] * full + [rest] * bool(rest)


def padded_rows(outputs: int) -> int:
    """Return the rows that a block of so many outputs has: one load reads two words or more."""
    return max(outputs, 2)


def quads(n_in: int) -> int:
    """Return the words that hold the weights of an output."""
    return -(-n_in // QUAD)


def weight_words(weight: Array, word: Callable[[Array], Array]) -> Array:
    """Return weights (n_out, n_in), four a word: [block][four inputs][output]."""
    n_out, n_in = weight.shape
    parts, at = [], 0
    for outputs in rows_of(n_out):
        rows = np.zeros((padded_rows(outputs), quads(n_in) * QUAD), np.int64)
        rows[:outputs, :n_in] = weight[at : at + outputs]
        parts.append(word(rows.reshape(len(rows), -1, QUAD)).T.ravel())
        at += outputs
    return as_int32(np.concatenate(parts))


def start_words(bias: Array, left: int) -> Array:
    """Return the biases (n_out,), shifted left modulo 2**32, and 0 for rows that pad a block."""
    rows = sum(map(padded_rows, rows_of(len(bias))))
    words = np.zeros(rows, np.int64)
    words[: len(bias)] = bias.astype(np.int64) << left
    return as_int32(words)


def as_int32(words: Array) -> Array:
    """Return words modulo 2**32 as int32 values."""
    return (words & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def workspace(node: Node, graph: Graph) -> int:
    """Return the words that hold the widened inputs."""
    return 2 * quads(quantized_linear(node).weight.shape[1])


def lowered(
    node: Node, graph: Graph, words: Array, start: Array, left: int, lanes: tuple[int, int]
) -> Lowered:
    """Return what all such kernels have; lanes: what is added to inputs and to their pairs."""
    op = quantized_linear(node)
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    n_out, n_in = op.weight.shape
    scale = scaling(node, graph, left)
    assert scale is not None  # it matches
    shape = f"[blocks of {min(n_out, ROWS)} outputs][4 inputs a word][outputs]"
    times = f"* {1 << left}, " if left else ""
    return Lowered(
        consts=(
            plain_const(f"{node.name}_weight", words, "s32", shape),
            plain_const(f"{node.name}_start", start, "s32", f"biases {times}one an output"),
            plain_const(f"{node.name}_multiplier", scale.multiplier, "s32", "one an output"),
        ),
        params=(
            ("n_in", n_in),
            ("n_out", n_out),
            ("in_dtype", source.dtype),
            ("out_dtype", target.dtype),
            ("low", target.low),
            ("high", target.high),
            ("shift", scale.shift),
            ("start", scale.start),
            ("in_low", source.low),
            ("add_odd", lanes[0]),
            ("add_even", lanes[1]),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=n_out,
    )


def odd_and_even(source: QuantParams) -> tuple[int, int]:
    """Return c and k for which 256 * (a0 - k) - (a1 + c) fits 16 bits for all inputs a0, a1.

    Inputs of 0 to 127 take none. Any 256 neighbours fit just so: with c = 1 - low and
    k = low + 127 the ends are -32768 and 32767.
    """
    low, high = RANGES["s16"]
    plain = 256 * source.low - source.high, 256 * source.high - source.low
    if plain[0] >= low and plain[1] <= high:
        return 0, 0
    return 1 - source.low, source.low + 127
