"""What the kernels of spiking neurons share: tables, working memory, and how spikes come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.fixedpoint import ITEM_BYTES, RANGES
from pyexport.integer.spiking import SPIKES, QuantizedLif
from pyexport.ir import Array, Graph, Node
from pyexport.lower.columns import Layout, columns
from pyexport.lower.kernel import Lowered
from pyexport.lower.kernels.sums import Params, quant
from pyexport.lower.packing import plain_const
from pyexport.lower.spikes import is_packed, mask_dtype
from pyexport.program import Const
from pyexport.targets import Target

BYTE_LIST = 256  # inputs whose numbers fit a byte
UNSIGNED = {"s16": "u16", "s32": "u32"}


def lif(node: Node) -> QuantizedLif:
    """Return the node's operator; raises TypeError for any other kind."""
    if not isinstance(node.op, QuantizedLif):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def is_direct(node: Node, graph: Graph) -> bool:
    """Return whether the layer reads the same numbers in every step."""
    return len(graph.tensor(node.inputs[0]).shape) == 1


def reads_spikes(node: Node, graph: Graph) -> bool:
    """Return whether the layer reads zeros and ones, step by step."""
    return not is_direct(node, graph) and quant(graph, node.inputs[0]) == SPIKES


def products(node: Node, graph: Graph) -> int:
    """Return the products, or the sums if every input fires in every step."""
    op = lif(node)
    return int(op.weight.size) * (1 if is_direct(node, graph) else op.steps)


def fits(dtype: str, *values: Array | int) -> bool:
    """Return whether all these integers fit a type."""
    low, high = RANGES[dtype]
    return all(int(np.min(v)) >= low and int(np.max(v)) <= high for v in values)


BLOCK = 8  # sums that stay in registers


@dataclass(frozen=True)
class Form:
    """What a record of a kernel is for: the words of spikes, and the elements of its workspace."""

    masks: str
    space: str

    def holds(self, node: Node, graph: Graph, target: Target | None) -> bool:
        """Return whether a layer of spiking neurons has this form on a target."""
        return (
            isinstance(node.op, QuantizedLif)
            and mask_dtype(target) == self.masks
            and space_dtype(node, graph) == self.space
        )


FORMS = tuple(Form(masks, space) for masks in ("u32", "u8") for space in ("s16", "s32"))


@dataclass(frozen=True)
class Space:
    """The working memory of a layer, in elements of `dtype`: 0 where a part is not there."""

    dtype: str
    synaptic: int  # where the synaptic currents start; the membranes lie before them
    steady: int  # the currents of a layer that reads the same numbers in every step
    waits: int  # bytes: refractory counts
    list: int  # the inputs that fired
    size: int
    list_dtype: str


def space_of(node: Node, graph: Graph, dtype: str, list_dtype: str = "") -> Space:
    """Return where the parts of a layer's working memory lie."""
    op, item = lif(node), ITEM_BYTES[dtype]
    n, n_in = op.weight.shape
    own = 0 if op.stateful else n
    synaptic = own
    steady = synaptic + (own if len(op.synaptic) else 0)
    waits = steady + (n if is_direct(node, graph) else 0)
    listed = waits + (-(-n // item) if op.refractory and not op.stateful else 0)
    if not list_dtype:
        list_dtype = "u8" if n_in <= BYTE_LIST else UNSIGNED[dtype]
    entries = n_in * ITEM_BYTES[list_dtype] if reads_spikes(node, graph) else 0
    return Space(dtype, synaptic, steady, waits, listed, listed + -(-entries // item), list_dtype)


def space_dtype(node: Node, graph: Graph) -> str:
    """Return the elements of working memory that a plain kernel of the layer needs."""
    op = lif(node)
    kept = [params.dtype for params in op.states.values()] * (not op.stateful)
    return "s32" if is_direct(node, graph) or "s32" in kept else "s16"


def neuron_tables(node: Node) -> tuple[Const, ...]:
    """Return the tables of what neurons differ in, but for their weights."""
    op, name = lif(node), node.name
    tables = []
    if op.bias.any():
        tables.append(_table(f"{name}_bias", op.bias, "in units of the membrane"))
    if not _is_one(op.threshold):
        tables.append(_table(f"{name}_threshold", op.threshold, "in units of the membrane"))
    for values, title, shifts in (
        (op.leak, "leak", op.shift_leak),
        (op.synaptic, "synaptic", op.shift_synaptic),
    ):
        if len(values) and not _is_one(values):
            note = "shifts" if shifts else "what is kept, in 2^-15"
            tables.append(plain_const(f"{name}_{title}", values, "u8" if shifts else "u16", note))
    if not _is_one(op.v_reset):
        tables.append(_table(f"{name}_v_reset", op.v_reset, "in units of the membrane"))
    return tuple(tables)


def neuron_params(node: Node, graph: Graph, masks: str) -> Params:
    """Return the numbers that every kernel of spiking neurons is specialized for."""
    op = lif(node)
    spikes = node.outputs[0]
    return (
        ("n", op.size),
        ("n_in", int(op.weight.shape[1])),
        ("steps", op.steps),
        ("direct", int(is_direct(node, graph))),
        ("events", int(reads_spikes(node, graph))),
        ("in_dtype", quant(graph, node.inputs[0]).dtype),
        ("packed_in", int(is_packed(node.inputs[0], graph))),
        ("packed_out", int(is_packed(spikes, graph))),
        ("mask_dtype", masks),
        ("stateful", int(op.stateful)),
        ("membranes_dtype", op.membrane.dtype if op.membranes else ""),
        ("fraction", op.fraction),
        ("reset", op.reset),
        ("reset_delay", int(op.reset_delay)),
        ("compare", op.compare),
        ("refractory", op.refractory),
        ("saturating", int(op.saturating)),
        ("low", op.low),
        ("high", op.high),
        ("synaptic_limit", op.synaptic_limit),
        ("shift_leak", int(op.shift_leak)),
        ("shift_synaptic", int(op.shift_synaptic)),
        ("threshold", _one(op.threshold)),
        ("leak", _one(op.leak)),
        ("synaptic", _one(op.synaptic) if len(op.synaptic) else "none"),
        ("v_reset", _one(op.v_reset)),
        ("bias_dtype", _narrow(op.bias) if op.bias.any() else ""),
        ("threshold_dtype", _narrow(op.threshold)),
        ("reset_dtype", _narrow(op.v_reset)),
    )


def space_params(space: Space, node: Node, value_dtype: str) -> Params:
    """Return where a plain kernel keeps what, and the type that it computes in."""
    op = lif(node)
    kept = op.states if op.stateful else {}
    synaptic = kept["synaptic"].dtype if "synaptic" in kept else space.dtype
    return (
        ("value_dtype", value_dtype),
        ("membrane_dtype", op.membrane.dtype if op.stateful else space.dtype),
        ("synaptic_dtype", synaptic),
        ("workspace_dtype", space.dtype),
        ("workspace", space.size),
        ("synaptic_at", space.synaptic),
        ("steady_at", space.steady),
        ("waits_at", space.waits),
        ("list_at", space.list),
        ("list_dtype", space.list_dtype),
    )


def byte_weights(node: Node, layout: Layout) -> Const:
    """Return the weights as bytes, column by column of a block of neurons."""
    weight = lif(node).weight
    note = f"[blocks of {layout.size} neurons][{weight.shape[1]} inputs]"
    return plain_const(f"{node.name}_weight", columns(weight, layout), "s8", note)


def lowered_neurons(
    node: Node,
    graph: Graph,
    weight: Const,
    layout: Layout,
    masks: str,
    space: Space,
    more: Params = (),
) -> Lowered:
    """Return the tables and numbers of neurons whose membranes are summed up in 32 bits.

    more: further numbers, or others of the same name.
    """
    op = lif(node)
    params = {
        **dict(neuron_params(node, graph, masks)),
        **dict(space_params(space, node, "s32")),
        "size": layout.size,
        "stride": layout.stride,
        "weight_dtype": weight.dtype,
        **dict(more),
    }
    return Lowered(
        consts=(weight, *neuron_tables(node)),
        params=tuple(params.items()),
        acc_low=op.low,
        acc_high=op.high,
        trace_size=op.steps * op.size,
    )


def _is_one(values: Array) -> bool:
    return len(set(values.tolist())) == 1


def _one(values: Array) -> str:
    """Return the number that all values are, "" where they differ."""
    return str(int(values[0])) if _is_one(values) else ""


def _narrow(values: Array) -> str:
    return "s16" if fits("s16", values) else "s32"


def _table(name: str, values: Array, note: str) -> Const:
    return plain_const(name, values, _narrow(values), note)
