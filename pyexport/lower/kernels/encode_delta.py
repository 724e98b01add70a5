"""Events where inputs rose or fell since their last event."""

from __future__ import annotations

from pyexport.fixedpoint import clamp
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.encoders import MASKS, encode, encode_params, encodes, spikes_made
from pyexport.lower.kernels.sums import quant
from pyexport.targets import Target


def _references(node: Node, graph: Graph) -> int:
    """Return the bytes of the values of the last events, which a state holds otherwise."""
    return 0 if encode(node).stateful else graph.tensor(node.inputs[0]).shape[1]


def _kernel(masks: str) -> Kernel:
    def matches(node: Node, graph: Graph, target: Target | None) -> bool:
        return encodes(node, target, "delta", masks)

    def lower(node: Node, graph: Graph) -> Lowered:
        op, source = encode(node), quant(graph, node.inputs[0])
        start = clamp(source.zero_point, source.low, source.high)
        own = (("threshold", op.threshold), ("start", start))
        return Lowered(consts=(), params=(*encode_params(node, graph, masks), *own))

    return Kernel(
        name="encode_delta",
        matches=matches,
        lower=lower,
        workspace=_references,
        cost=spikes_made,
        template="ops/encode_delta.h.j2",
    )


KERNELS = tuple(_kernel(masks) for masks in MASKS)
