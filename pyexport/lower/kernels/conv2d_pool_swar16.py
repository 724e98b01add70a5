"""Convolutions with two sums in a word and a max pooling behind them, in one step.

Rounding and limits never turn a greater sum into a lesser byte, so the largest byte of a pool is
that of its largest sum: only that one is rounded, and the tensor between is never stored.
"""

from __future__ import annotations

from dataclasses import replace

from pyexport.integer.pool import QuantizedMaxPool2d
from pyexport.ir import Graph, Node
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered, sole_reader
from pyexport.lower.kernels.conv2d_swar16 import cost, lowered, matches, serves, weight_table

MOST_PLACES = 9  # of a pool, whose sums lie on the stack together


def pool_behind(node: Node, graph: Graph) -> Node | None:
    """Return the max pooling that alone reads a convolution, if its windows tile it."""
    behind = sole_reader(node.outputs[0], graph)
    if behind is None or not isinstance(behind.op, QuantizedMaxPool2d):
        return None
    op, size = behind.op, graph.tensor(node.outputs[0]).shape
    pooled = graph.tensor(behind.outputs[0]).shape
    tiles = all(
        op.kernel[axis] == op.stride[axis]
        and op.dilation[axis] == 1
        and op.pad[axis] == 0
        and pooled[axis] * op.stride[axis] == size[axis]
        for axis in (0, 1)
    )
    several = 1 < op.kernel[0] * op.kernel[1] <= MOST_PLACES
    return behind if tiles and several else None


def pool_of(node: Node, graph: Graph) -> QuantizedMaxPool2d:
    """Return the pooling behind a convolution that has one."""
    behind = pool_behind(node, graph)
    if behind is None or not isinstance(behind.op, QuantizedMaxPool2d):
        raise TypeError(f"{node.name} has no pooling behind it")
    return behind.op


def _kernel(goal: str, most: int) -> Kernel:
    def lower(node: Node, graph: Graph) -> Lowered:
        pool, table = pool_of(node, graph), weight_table(node, most)
        both = lowered(node, graph, table, most, goal != "constant-time", swar.HALF)
        sizes = (("pool_height", pool.kernel[0]), ("pool_width", pool.kernel[1]))
        return replace(both, params=(*both.params, *sizes))

    return Kernel(
        name="conv2d_pool_swar16",
        matches=lambda node, graph, target: (
            swar.block_size(target) == most
            and matches(node, graph, target)
            and pool_behind(node, graph) is not None
            and serves(goal, node, graph, most)
        ),
        lower=lower,
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/conv2d_pool_swar16.h.j2",
        goals=(goal,),
        constant_time=goal == "constant-time",
        absorbs=pool_behind,
    )


KERNELS = tuple(
    _kernel(goal, most)
    for goal in ("speed", "balanced", "constant-time")
    for most in swar.BLOCK_SIZES
)
