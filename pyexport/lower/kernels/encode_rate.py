"""Spikes whose rate is the value: an accumulator for each input."""

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
from pyexport.targets import Target


def _kernel(masks: str) -> Kernel:
    def matches(node: Node, graph: Graph, target: Target | None) -> bool:
        return encodes(node, target, "rate", masks)

    def lower(node: Node, graph: Graph) -> Lowered:
        op = encode(node)
        own = (("low", op.low), ("high", op.high))
        return Lowered(consts=(), params=(*encode_params(node, graph, masks), *own))

    return Kernel(
        name="encode_rate",
        matches=matches,
        lower=lower,
        workspace=no_workspace,
        cost=spikes_made,
        template="ops/encode_rate.h.j2",
    )


KERNELS = tuple(_kernel(masks) for masks in MASKS)
