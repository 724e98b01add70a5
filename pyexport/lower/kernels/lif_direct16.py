"""Spiking neurons that read the same numbers in every step: two sums in a word, once."""

from __future__ import annotations

import numpy as np

from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Graph, Node
from pyexport.lower import swar
from pyexport.lower.columns import Layout, columns, layout_of, paired
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.spiking import (
    BLOCK,
    fits,
    is_direct,
    lif,
    lowered_neurons,
    products,
    space_of,
)
from pyexport.lower.kernels.sums import quant
from pyexport.lower.packing import plain_const
from pyexport.targets import Target

MASKS = "u32"


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    op = node.op
    return (
        isinstance(op, QuantizedLif)
        and swar.has_word(target)
        and is_direct(node, graph)
        and op.size % 2 == 0
        and _sums_fit(node, graph)
    )


def _sums_fit(node: Node, graph: Graph) -> bool:
    """Return whether the sum of products of every neuron fits 16 bits."""
    op, source = lif(node), quant(graph, node.inputs[0])
    ends = op.weight.astype(np.int64) * source.low, op.weight.astype(np.int64) * source.high
    return fits("s16", np.minimum(*ends).sum(axis=1), np.maximum(*ends).sum(axis=1))


def _layout(n: int) -> Layout:
    size = layout_of(n // 2, BLOCK).size
    return Layout(size, size)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = lif(node)
    layout = _layout(op.size)
    note = f"[blocks of {2 * layout.size} neurons][{op.weight.shape[1]} inputs][2 neurons a word]"
    words = columns(paired(op.weight), layout)
    weight = plain_const(f"{node.name}_weight", words, "s32", note)
    space = space_of(node, graph, "s32")
    return lowered_neurons(node, graph, weight, layout, MASKS, space)


KERNEL = Kernel(
    name="lif_direct16",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: space_of(node, graph, "s32").size,
    workspace_dtype="s32",
    cost=products,
    template="ops/lif_direct16.h.j2",
    goals=("speed",),
)
