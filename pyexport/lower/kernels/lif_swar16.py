"""Spiking neurons that read spikes, with two membranes in a word."""

from __future__ import annotations

import numpy as np

from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, Graph, Node
from pyexport.lower.columns import columns, layout_of, padded, paired
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.spiking import (
    BLOCK,
    BYTE_LIST,
    lif,
    neuron_params,
    products,
    reads_spikes,
)
from pyexport.lower.packing import plain_const
from pyexport.lower.spikes import mask_dtype
from pyexport.program import Const
from pyexport.targets import Target

OFFSET = 1 << 15  # what a lane holds for a membrane of 0
MASKS = "u32"


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    """Return whether all membranes fit 16 bits, and a leak takes two at once."""
    op = node.op
    return (
        isinstance(op, QuantizedLif)
        and mask_dtype(target) == MASKS
        and reads_spikes(node, graph)
        and op.size % 2 == 0
        and op.low >= -OFFSET
        and op.high < OFFSET
        and not op.saturating
        and op.shift_leak
        and len(set(op.leak.tolist())) == 1
        and not len(op.synaptic)
        and not op.refractory
        and not op.v_reset.any()
    )


def _lower(node: Node, graph: Graph) -> Lowered:
    op = lif(node)
    layout = layout_of(op.size // 2, BLOCK)
    unit = 1 << op.fraction
    left = OFFSET >> int(op.leak[0])  # of the offset: what its leak took
    limits = _limits(node)
    own = len(set(limits.tolist())) > 1
    note = f"[blocks of {2 * layout.size} neurons][{op.weight.shape[1]} inputs][2 neurons a word]"
    words = columns(paired(op.weight.astype(np.int64) * unit), layout)
    start = padded(paired(op.bias.astype(np.int64) + left), layout)
    tables: tuple[Const, ...] = (
        plain_const(f"{node.name}_weight", words, "s32", note),
        plain_const(f"{node.name}_start", start, "s32", "biases of two neurons a word"),
    )
    if own:
        text = "least membranes that fire, two a word"
        tables += (plain_const(f"{node.name}_threshold", paired(limits), "s32", text),)
    params = {**dict(neuron_params(node, graph, MASKS)), "threshold": "" if own else str(limits[0])}
    pairs = op.size // 2
    return Lowered(
        consts=tables,
        params=(
            *params.items(),
            ("membrane_dtype", op.membrane.dtype),
            ("workspace_dtype", "s32"),
            ("workspace", _words(node, graph)),
            ("list_at", pairs),
            ("list_dtype", "u8" if op.weight.shape[1] <= BYTE_LIST else "u32"),
            ("size", layout.size),
            ("stride", layout.stride),
        ),
        acc_low=op.low,
        acc_high=op.high,
        trace_size=op.steps * op.size,
    )


def _limits(node: Node) -> Array:
    """Return the least membrane that fires, (n,)."""
    op = lif(node)
    return np.asarray(op.threshold.astype(np.int64) + int(op.compare == "gt"))


def _words(node: Node, graph: Graph) -> int:
    """Return the words of working memory: two membranes each, and the list."""
    n, n_in = lif(node).weight.shape
    return int(n // 2 + (-(-n_in // 4) if n_in <= BYTE_LIST else n_in))


KERNEL = Kernel(
    name="lif_swar16",
    matches=_matches,
    lower=_lower,
    workspace=_words,
    workspace_dtype="s32",
    cost=products,
    template="ops/lif_swar16.h.j2",
    goals=("speed",),
)
