"""Spiking neurons that read the same numbers in every step, by lists of the digits of their inputs.

For cores that do not multiply. The current is summed once; of each signed digit, as in
linear_bitserial16, a list names the inputs that have it, so that no block of neurons tests them.
"""

from __future__ import annotations

from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.lif_bitserial import MASKS, has_no_products, tight_layout
from pyexport.lower.kernels.linear_bitserial16 import MOST_NARROW, digits
from pyexport.lower.kernels.spiking import (
    byte_weights,
    lif,
    lowered_neurons,
    products,
    space_of,
)
from pyexport.lower.kernels.sums import quant
from pyexport.targets import Target

WORD_BYTES = 4


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return has_no_products(node, graph, target) and lif(node).weight.shape[1] <= MOST_NARROW


def _digits(node: Node, graph: Graph) -> int:
    return digits(quant(graph, node.inputs[0]))


def _words(node: Node, graph: Graph) -> int:
    """Return the words of working memory: that of the neurons, and a list of bytes a digit."""
    lists = _digits(node, graph) * (lif(node).weight.shape[1] + 1)
    return int(space_of(node, graph, "s32").size + -(-lists // WORD_BYTES))


def _lower(node: Node, graph: Graph) -> Lowered:
    space, layout = space_of(node, graph, "s32"), tight_layout(lif(node).size)
    more = (
        ("workspace", _words(node, graph)),
        ("lists_at", space.size),
        ("digits", _digits(node, graph)),
    )
    return lowered_neurons(node, graph, byte_weights(node, layout), layout, MASKS, space, more)


KERNEL = Kernel(
    name="lif_bitlist",
    matches=_matches,
    lower=_lower,
    workspace=_words,
    workspace_dtype="s32",
    cost=products,
    template="ops/lif_bitlist.h.j2",
    goals=("balanced", "speed"),
)
