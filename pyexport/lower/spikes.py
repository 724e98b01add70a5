"""Spikes between kernels of spiking layers: one bit each, in words, where nobody else sees them."""

from __future__ import annotations

from collections.abc import Mapping

from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.ir import Graph, Node, Tensor
from pyexport.targets import Target

WORD_BITS = {"u8": 8, "u32": 32}


def mask_dtype(target: Target | None) -> str:
    """Return the word that spikes come in: what the target's registers hold."""
    return "u8" if target is not None and target.word_bits < 32 else "u32"


def is_packed(tensor: str, graph: Graph) -> bool:
    """Return whether a tensor of spikes is stored as bits: only spiking layers see it."""
    seen = {*graph.outputs, *graph.inputs}
    seen |= {name for state in graph.states for name in (state.read, state.write)}
    makers = [node for node in graph.nodes if tensor in node.outputs]
    readers = [node for node in graph.nodes if tensor in node.inputs]
    return (
        tensor not in seen
        and bool(makers and readers)
        and all(_makes_bits(node, tensor) for node in makers)
        and all(_reads_bits(node, tensor) for node in readers)
    )


def packed_spikes(graph: Graph, target: Target | None) -> Mapping[str, tuple[str, int]]:
    """Return, by tensor of spikes that is stored as bits, type and number of its words."""
    dtype = mask_dtype(target)
    found = (tensor for tensor in graph.tensors if is_packed(tensor.name, graph))
    return {tensor.name: (dtype, words_of(tensor, dtype)) for tensor in found}


def words_of(tensor: Tensor, dtype: str) -> int:
    """Return how many words hold spikes (steps, n): each step starts a new one."""
    steps, n = tensor.shape
    return steps * -(-n // WORD_BITS[dtype])


def _makes_bits(node: Node, tensor: str) -> bool:
    return isinstance(node.op, QuantizedLif | QuantizedEncode) and node.outputs[0] == tensor


def _reads_bits(node: Node, tensor: str) -> bool:
    return (
        isinstance(node.op, QuantizedLif | QuantizedReadout)
        and node.inputs.index(tensor) == 0
        and node.inputs.count(tensor) == 1
    )
