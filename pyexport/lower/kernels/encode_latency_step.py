"""The spikes of one step and those behind it, of inputs that spike the earlier the larger."""

from __future__ import annotations

from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.encoders import (
    MASKS,
    encode,
    encode_params,
    encodes,
    no_workspace,
    spikes_made,
)
from pyexport.lower.packing import plain_const
from pyexport.targets import Target


def _kernel(masks: str) -> Kernel:
    def matches(node: Node, graph: Graph, target: Target | None) -> bool:
        return encodes(node, target, "latency", masks) and encode(node).stateful

    def lower(node: Node, graph: Graph) -> Lowered:
        op = encode(node)
        note = "step t has the spikes of those from limits[t + 1] on, below limits[t]"
        return Lowered(
            consts=(plain_const(f"{node.name}_limits", op.limits, "s16", note),),
            params=(*encode_params(node, graph, masks), ("whole", len(op.limits) - 1)),
        )

    return Kernel(
        name="encode_latency_step",
        matches=matches,
        lower=lower,
        workspace=no_workspace,
        cost=spikes_made,
        template="ops/encode_latency_step.h.j2",
    )


KERNELS = tuple(_kernel(masks) for masks in MASKS)
