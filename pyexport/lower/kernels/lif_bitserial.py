"""Spiking neurons that read the same numbers in every step, for cores that do not multiply.

The current is summed once: of each digit of the inputs, the greatest first, it adds up the weights
of inputs that have it, and doubles the sums between digits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, Graph, Node
from pyexport.lower.columns import Layout, layout_of
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.spiking import (
    BLOCK,
    byte_weights,
    fits,
    is_direct,
    lif,
    lowered_neurons,
    products,
    space_of,
)
from pyexport.lower.kernels.sums import quant
from pyexport.targets import Target

MASKS = "u32"
MOST_INPUTS = 1 << 16  # whose sums of bytes fit 32 bits


def has_no_products(node: Node, graph: Graph, target: Target | None) -> bool:
    """Return whether neurons read the same numbers in every step, on a core without products."""
    op = node.op
    return (
        isinstance(op, QuantizedLif)
        and target is not None
        and target.word_bits == 32
        and not target.multiplies
        and is_direct(node, graph)
        and op.weight.shape[1] < MOST_INPUTS
    )


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    if not has_no_products(node, graph, target):
        return False
    return fits("s32", _counted(node, graph).bias, *_sums(node, graph))


def _sums(node: Node, graph: Graph) -> tuple[Array, Array]:
    """Return the least and greatest scaled sums of inputs that are counted from their least."""
    op, source = lif(node), quant(graph, node.inputs[0])
    most = (source.high - source.low) * op.weight.astype(np.int64) << op.fraction
    return np.minimum(most, 0).sum(axis=1), np.maximum(most, 0).sum(axis=1)


def _counted(node: Node, graph: Graph) -> QuantizedLif:
    """Return the neurons with the bias for inputs that are counted from their least value."""
    op, low = lif(node), quant(graph, node.inputs[0]).low
    more = (low * op.weight.astype(np.int64).sum(axis=1)) << op.fraction
    return replace(op, bias=op.bias.astype(np.int64) + more)


def tight_layout(n: int) -> Layout:
    """Return blocks that lie without a gap between columns."""
    size = layout_of(n, BLOCK).size
    return Layout(size, size)


def _lower(node: Node, graph: Graph) -> Lowered:
    source, op = quant(graph, node.inputs[0]), _counted(node, graph)
    counted = replace(node, op=replace(op, bias=op.bias.astype(np.int32)))
    layout, space = tight_layout(op.size), space_of(node, graph, "s32")
    span = source.high - source.low
    more = (("in_low", source.low), ("digits", span.bit_length()))
    weight = byte_weights(node, layout)
    return lowered_neurons(counted, graph, weight, layout, MASKS, space, more)


KERNEL = Kernel(
    name="lif_bitserial",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: space_of(node, graph, "s32").size,
    workspace_dtype="s32",
    cost=products,
    template="ops/lif_bitserial.h.j2",
)
