"""Integer convolutions with two sums in a word, and a weight in each half of a word of flash."""

from __future__ import annotations

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Graph, Node
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.conv2d_q15x import KERNEL as SMALLEST
from pyexport.lower.kernels.conv2d_q15x import (
    geometry,
    loop_zero,
    quantized_conv,
    window_products,
)
from pyexport.lower.kernels.sums import quant, range_params
from pyexport.lower.packing import plain_const
from pyexport.program import Const
from pyexport.targets import Target

BALANCED_WEIGHTS = 4096  # of a layer at most, for balanced: each takes a second byte of flash
BALANCED_GROWTH = 2  # times the tables of the smallest kernel at most, for balanced
SHORT_ROUNDS = 16  # blocks of this size are for Armv7-M, where rounds of 8 bytes cost registers


def matches(node: Node, graph: Graph, target: Target | None) -> bool:
    """Return whether two sums of the convolution fit a word on this target."""
    op = node.op
    return (
        isinstance(op, QuantizedConv2d)
        and op.groups == 1
        and len(op.bias) > 1
        and swar.has_word(target)
        and swar.sums_fit(op.acc_low, op.acc_high)
        and swar.combined_shifts(op.shift, op.pre_shift) is not None
    )


def serves(goal: str, node: Node, graph: Graph, most: int) -> bool:
    """Return whether a convolution that matches takes little enough flash for a goal."""
    if goal != "balanced":
        return True
    if quantized_conv(node).weight.size > BALANCED_WEIGHTS:
        return False
    own = lowered(node, graph, weight_table(node, most), most, skips=True)
    return _table_bytes(own) <= BALANCED_GROWTH * _table_bytes(SMALLEST.lower(node, graph))


def _table_bytes(layer: Lowered) -> int:
    return sum(len(const.data) for const in layer.consts)


def lowered(
    node: Node, graph: Graph, table: Const, most: int, skips: bool, more: int = 0
) -> Lowered:
    """Return what all such kernels have; `table` holds the packed weights.

    most: outputs of a block; more: what each sum starts at beside its bias.
    """
    op, zero = quantized_conv(node), loop_zero(node, graph)
    blocks = swar.blocks_of(len(op.bias), most)
    shifts = swar.combined_shifts(op.shift, op.pre_shift)
    assert shifts is not None  # it matches
    flat = op.weight.reshape(len(op.weight), -1).astype(np.int64)
    start = swar.start_words(op.bias.astype(np.int64) + zero * flat.sum(axis=1) + more, blocks)
    target = quant(graph, node.outputs[0])
    return Lowered(
        consts=(
            table,
            plain_const(f"{node.name}_start", start, "s32", "biases of two outputs a word"),
            *swar.rounding_tables(node.name, op.multiplier, shifts),
        ),
        params=(
            *geometry(node, graph),
            ("in_zero", zero),
            ("block", blocks.size),
            ("skips", int(skips)),
            ("paired", int(most > min(swar.BLOCK_SIZES))),  # words are read two by two
            ("round", 4 if most == SHORT_ROUNDS else 8),
            *range_params(target),
            *swar.rounding_params(shifts),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=graph.tensor(node.outputs[0]).size,
    )


def weight_table(node: Node, most: int) -> Const:
    """Return the weights, two a word."""
    weight = quantized_conv(node).weight
    n_out, height, width, channels = weight.shape
    blocks = swar.blocks_of(n_out, most)
    words = swar.weight_words16(weight.reshape(n_out, -1), blocks)
    note = (
        f"[blocks of {blocks.size} outputs][{height} rows][{width} columns][{channels} channels]"
        "[2 outputs a word]"
    )
    return plain_const(f"{node.name}_weight", words, "s32", note)


def cost(node: Node, graph: Graph) -> int:
    """Return the products of one inference."""
    return window_products(quantized_conv(node).weight, graph, node)


def _kernel(goal: str, most: int) -> Kernel:
    def lower(node: Node, graph: Graph) -> Lowered:
        table = weight_table(node, most)
        return lowered(node, graph, table, most, goal != "constant-time")

    return Kernel(
        name="conv2d_swar16",
        matches=lambda node, graph, target: (
            swar.block_size(target) == most
            and matches(node, graph, target)
            and serves(goal, node, graph, most)
        ),
        lower=lower,
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/conv2d_swar16.h.j2",
        goals=(goal,),
        constant_time=goal == "constant-time",
    )


KERNELS = tuple(
    _kernel(goal, most)
    for goal in ("speed", "balanced", "constant-time")
    for most in swar.BLOCK_SIZES
)
