"""A score a class, of its spikes and its membranes."""

from __future__ import annotations

from pyexport.integer.spiking import SUM_LIMIT, QuantizedReadout
from pyexport.ir import Graph, Node, QuantParams
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.encoders import MASKS, no_workspace
from pyexport.lower.kernels.sums import quant
from pyexport.lower.spikes import is_packed, mask_dtype
from pyexport.targets import Target


def _readout(node: Node) -> QuantizedReadout:
    if not isinstance(node.op, QuantizedReadout):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def _sum_bounds(op: QuantizedReadout, source: QuantParams) -> tuple[int, int]:
    """Return the bounds of the sums of a class's membranes."""
    if op.method == "membrane_last":
        return source.low, source.high
    if op.stateful:
        return -SUM_LIMIT, SUM_LIMIT
    return op.whole * source.low, op.whole * source.high


def _kernel(masks: str) -> Kernel:
    def matches(node: Node, graph: Graph, target: Target | None) -> bool:
        return isinstance(node.op, QuantizedReadout) and mask_dtype(target) == masks

    def lower(node: Node, graph: Graph) -> Lowered:
        op = _readout(node)
        membranes = node.inputs[int(op.takes_spikes)]
        steps, n = graph.tensor(membranes).shape
        source = quant(graph, membranes)
        low, high = _sum_bounds(op, source)
        return Lowered(
            consts=(),
            params=(
                ("n", n),
                ("steps", steps),
                ("whole", op.whole),
                ("method", op.method),
                ("counts", int(op.takes_spikes)),
                ("shift", op.shift),
                ("in_dtype", source.dtype),
                ("packed_in", int(op.takes_spikes and is_packed(node.inputs[0], graph))),
                ("mask_dtype", masks),
                ("stateful", int(op.stateful)),
            ),
            acc_low=low,
            acc_high=high,
            trace_size=n,
        )

    return Kernel(
        name="readout",
        matches=matches,
        lower=lower,
        workspace=no_workspace,
        cost=lambda node, graph: graph.tensor(node.inputs[0]).size,
        template="ops/readout.h.j2",
    )


KERNELS = tuple(_kernel(masks) for masks in MASKS)
