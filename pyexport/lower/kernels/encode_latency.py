"""One spike an input, the earlier the larger it is: a table says when, for every legal byte."""

from __future__ import annotations

import numpy as np

from pyexport.fixedpoint import RANGES
from pyexport.ir import Array, Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.encoders import (
    MASKS,
    encode,
    encode_params,
    encodes,
    no_workspace,
)
from pyexport.lower.kernels.sums import quant
from pyexport.lower.packing import plain_const
from pyexport.lower.spikes import WORD_BITS, is_packed
from pyexport.targets import Target


def _kernel(masks: str) -> Kernel:
    def matches(node: Node, graph: Graph, target: Target | None) -> bool:
        return encodes(node, target, "latency", masks) and not encode(node).stateful

    def lower(node: Node, graph: Graph) -> Lowered:
        op, source = encode(node), quant(graph, node.inputs[0])
        n = graph.tensor(node.inputs[0]).size
        row = -(-n // WORD_BITS[masks]) if is_packed(node.outputs[0], graph) else n
        never = op.steps * row
        dtype = "u8" if never <= RANGES["u8"][1] else "u16" if never <= RANGES["u16"][1] else "s32"
        when = steps_of(op.limits, np.arange(source.low, source.high + 1)) * row
        note = f"where the spike of {source.low}, {source.low + 1}, ... lies; {never}: nowhere"
        return Lowered(
            consts=(plain_const(f"{node.name}_when", when, dtype, note),),
            params=(
                *encode_params(node, graph, masks),
                ("values", len(when)),
                ("when_dtype", dtype),
                ("never", never),
            ),
        )

    return Kernel(
        name="encode_latency",
        matches=matches,
        lower=lower,
        workspace=no_workspace,
        cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
        template="ops/encode_latency.h.j2",
    )


def steps_of(limits: Array, values: Array) -> Array:
    """Return the step of each value's spike; the number of steps for one that has none."""
    steps = len(limits) - 1
    found = np.full(len(values), steps)
    for step in range(steps):
        found[(values >= limits[step + 1]) & (values < limits[step])] = step
    return found


KERNELS = tuple(_kernel(masks) for masks in MASKS)
