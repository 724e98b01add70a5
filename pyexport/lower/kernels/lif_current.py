"""Spiking neurons that read numbers: a sum of products in every step."""

from __future__ import annotations

from pyexport.ir import Graph, Node
from pyexport.lower.kernels.spiking import is_direct, reads_spikes
from pyexport.lower.kernels.spiking_bytes import byte_kernels


def _reads_numbers(node: Node, graph: Graph) -> bool:
    return not reads_spikes(node, graph) and not is_direct(node, graph)


KERNELS = byte_kernels("lif_current", _reads_numbers)
