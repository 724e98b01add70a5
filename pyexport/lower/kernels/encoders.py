"""What the kernels share that make spikes from bytes."""

from __future__ import annotations

from pyexport.integer.spiking import QuantizedEncode
from pyexport.ir import Graph, Node
from pyexport.lower.kernels.sums import Params, quant
from pyexport.lower.spikes import is_packed, mask_dtype
from pyexport.targets import Target

MASKS = ("u32", "u8")


def encode(node: Node) -> QuantizedEncode:
    """Return the node's operator; raises TypeError for any other kind."""
    if not isinstance(node.op, QuantizedEncode):
        raise TypeError(f"{node.name} is {node.op.kind}")
    return node.op


def encodes(node: Node, target: Target | None, encoding: str, masks: str) -> bool:
    """Return whether a node has this encoding, and the target words like these."""
    return (
        isinstance(node.op, QuantizedEncode)
        and node.op.encoding == encoding
        and mask_dtype(target) == masks
    )


def encode_params(node: Node, graph: Graph, masks: str) -> Params:
    """Return the numbers that every encoder is specialized for."""
    op, source = encode(node), quant(graph, node.inputs[0])
    return (
        ("n", graph.tensor(node.inputs[0]).shape[-1]),
        ("steps", op.steps),
        ("in_dtype", source.dtype),
        ("least", source.low),
        ("most", source.high),
        ("packed_out", int(is_packed(node.outputs[0], graph))),
        ("mask_dtype", masks),
        ("stateful", int(op.stateful)),
    )


def no_workspace(node: Node, graph: Graph) -> int:
    """Return 0."""
    return 0


def spikes_made(node: Node, graph: Graph) -> int:
    """Return how many elements the output has."""
    return graph.tensor(node.outputs[0]).size
