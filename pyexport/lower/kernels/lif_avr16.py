"""Spiking neurons that read spikes, with 16-bit sums in pairs of registers, for AVR."""

from __future__ import annotations

import numpy as np

from pyexport.integer.membranes import current_bounds, leaked
from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Graph, Node
from pyexport.lower.columns import Layout, columns, layout_of
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.spiking import (
    BLOCK,
    fits,
    lif,
    neuron_params,
    neuron_tables,
    products,
    reads_spikes,
    space_of,
    space_params,
)
from pyexport.lower.kernels.sums import quant
from pyexport.lower.packing import plain_const
from pyexport.targets import Target

OFFSET = 128  # of weights: so that none has a sign


def _layout(n: int) -> Layout:
    size = layout_of(n, BLOCK).size
    return Layout(size, size)


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    op = node.op
    return (
        isinstance(op, QuantizedLif)
        and target is not None
        and target.family == "avr"
        and reads_spikes(node, graph)
        and op.shift_leak
        and not op.saturating
        and not len(op.synaptic)
        and _is_narrow(node, graph)
        and op.weight.shape[1] * _layout(op.size).stride <= 65535
    )


def _is_narrow(node: Node, graph: Graph) -> bool:
    """Return whether everything that a step computes fits 16 bits, in the order of the code."""
    op = lif(node)
    low, high = current_bounds(op.weight, op.bias, op.fraction, quant(graph, node.inputs[0]))
    ends = np.full(op.size, op.low), np.full(op.size, op.high)
    charged = leaked(ends[0], op.leak, True) + low, leaked(ends[1], op.leak, True) + high
    scaled = low - op.bias, high - op.bias  # before the bias is added
    behind = op.low - op.threshold.astype(np.int64), op.high + op.threshold.astype(np.int64)
    return fits("s16", *ends, low, high, *charged, *scaled, *behind, op.bias, op.v_reset)


def _lower(node: Node, graph: Graph) -> Lowered:
    op = lif(node)
    layout = _layout(op.size)
    note = f"[blocks of {layout.size} neurons][{op.weight.shape[1]} inputs], plus {OFFSET}"
    weight = columns(op.weight, layout) + OFFSET
    return Lowered(
        consts=(plain_const(f"{node.name}_weight", weight, "u8", note), *neuron_tables(node)),
        params=(
            *neuron_params(node, graph, "u8"),
            *space_params(space_of(node, graph, "s16", "u16"), node, "s16"),
            ("size", layout.size),
            ("stride", layout.stride),
            ("weight_dtype", "u8"),
        ),
        acc_low=op.low,
        acc_high=op.high,
        trace_size=op.steps * op.size,
    )


KERNEL = Kernel(
    name="lif_avr16",
    matches=_matches,
    lower=_lower,
    workspace=lambda node, graph: space_of(node, graph, "s16", "u16").size,
    workspace_dtype="s16",
    cost=products,
    template="ops/lif_avr16.h.j2",
)
