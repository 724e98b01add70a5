"""Integer linear layers with sums of any width: those of a block of outputs stay in registers.

An input that is 0 adds nothing to any of them, so that one test spares a whole block of products.
"""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array, Graph, Node, QuantizedLinear
from pyexport.lower import swar
from pyexport.lower.dsp import has_dsp
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quant, quantized_linear
from pyexport.lower.kernels.sums import output_params, scale_tables
from pyexport.lower.packing import is_4bit, plain_const
from pyexport.targets import Target

# Outputs of a block: as many sums as stay in registers beside an input, a weight and addresses.
MOST_OUTPUTS = {"cortex-m0": 4, "cortex-m3": 8}
OTHERWISE = 16
WEIGHT_OFFSET = 128  # on Armv6-M, which reads bytes at an offset only where they have no sign


def _most(target: Target | None) -> int:
    return MOST_OUTPUTS.get(target.name if target is not None else "", OTHERWISE)


def _offset(target: Target | None) -> int:
    return WEIGHT_OFFSET if target is not None and target.name == "cortex-m0" else 0


def _matches(node: Node, target: Target | None) -> bool:
    return (
        isinstance(node.op, QuantizedLinear)
        and swar.has_word(target)
        and not has_dsp(target)  # pairs of products take fewer instructions
    )


def _blocks(n_out: int, most: int) -> swar.Blocks:
    """Return blocks of nearly the same size."""
    size = -(-n_out // -(-n_out // most))
    return swar.Blocks(size, n_out // size, n_out % size)


def _by_input(weight: Array, blocks: swar.Blocks) -> Array:
    """Return weights (n_out, n_in) as [block][input][output]."""
    parts, at = [], 0
    for size in blocks.sizes:
        parts.append(weight[at : at + size].T.ravel())
        at += size
    return np.concatenate(parts)


def _kernel(goals: tuple[str, ...], most: int, offset: int) -> Kernel:
    constant = goals == ("constant-time",)

    def is_for(node: Node, graph: Graph, target: Target | None) -> bool:
        if (most, offset) != (_most(target), _offset(target)) or not _matches(node, target):
            return False
        narrow = is_4bit(quantized_linear(node).weight)  # half a byte each elsewhere
        return goals != ("balanced",) or not narrow

    def lower(node: Node, graph: Graph) -> Lowered:
        op = quantized_linear(node)
        n_out, n_in = op.weight.shape
        blocks = _blocks(n_out, most)
        weight = _by_input(op.weight.astype(np.int64) + offset, blocks)
        note = f"[blocks of {blocks.size} outputs][{n_in} inputs][outputs]"
        if offset:
            note = f"+{offset}: {note}"
        return Lowered(
            consts=(
                plain_const(f"{node.name}_weight", weight, "u8" if offset else "s8", note),
                plain_const(
                    f"{node.name}_bias", op.bias, "s32", "-zero_point * sum(weights) included"
                ),
                *scale_tables(node.name, op.multiplier, op.shift),
            ),
            params=(
                ("n_in", n_in),
                ("n_out", n_out),
                ("block", blocks.size),
                ("offset", offset),
                ("skips", int(not constant)),
                ("in_dtype", quant(graph, node.inputs[0]).dtype),
                *output_params(graph, node.outputs[0], op.shift, op.pre_shift),
            ),
            acc_low=int(op.acc_low.min()),
            acc_high=int(op.acc_high.max()),
            trace_size=n_out,
        )

    return Kernel(
        name="linear_block32",
        matches=is_for,
        lower=lower,
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/linear_block32.h.j2",
        goals=goals,
        constant_time=constant,
    )


KERNELS = tuple(
    _kernel(goals, most, offset)
    for goals in (("speed",), ("balanced",), ("constant-time",))
    for most, offset in ((OTHERWISE, 0), (8, 0), (4, WEIGHT_OFFSET))
)
