"""Integer linear layers with two sums in a word, over a list of the inputs that are not zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyexport.ir import Graph, Node
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quantized_linear
from pyexport.lower.kernels.linear_swar16 import lowered, matches
from pyexport.lower.packing import plain_const
from pyexport.targets import Target

PAIRS = 8  # words of sums: as many as Arm's registers leave beside an input and its weights
PADDING = 4  # entries of the list that a round of the loop takes
CORES = {  # targets whose blocks are assembly, and the instructions these are written in
    "cortex-m0": "armv6m",
    "cortex-m3": "armv7m",
    "cortex-m4": "armv7m",
    "cortex-m7": "armv7m",
    "cortex-m33": "armv7m",
}


def _blocks(n_out: int) -> tuple[int, int]:
    """Return how many blocks there are, and the words of sums in each of them."""
    count = -(-n_out // (2 * PAIRS))
    return count, -(-n_out // (2 * count))


def _padded(node: Node) -> int:
    n_in = int(quantized_linear(node).weight.shape[1])
    return -(-n_in // PADDING) * PADDING


def _workspace(node: Node, graph: Graph) -> int:
    """Return the words of a block's sums, and two for each entry of the list."""
    _, pairs = _blocks(len(quantized_linear(node).bias))
    return pairs + 2 * _padded(node)


def _kernel(core: str, targets: tuple[str, ...]) -> Kernel:
    def is_for(node: Node, graph: Graph, target: Target | None) -> bool:
        name = target.name if target is not None else ""
        return name in targets and matches(node, graph, target)

    def lower(node: Node, graph: Graph) -> Lowered:
        op = quantized_linear(node)
        n_out, n_in = op.weight.shape
        count, pairs = _blocks(n_out)
        blocks = swar.Blocks(2 * pairs, count, 0)
        weight = np.zeros((2 * pairs * count, n_in), np.int64)
        weight[:n_out] = op.weight
        note = f"[blocks of {2 * pairs} outputs][{n_in} inputs][2 outputs a word]"
        words = swar.weight_words16(weight, blocks)
        table = plain_const(f"{node.name}_weight", words, "s32", note)
        made = lowered(node, graph, table, blocks, skips=True)
        own = (("blocks", count), ("pairs", pairs), ("core", core))
        return replace(made, params=(*made.params, *own))

    return Kernel(
        name="linear_list16",
        matches=is_for,
        lower=lower,
        workspace=_workspace,
        workspace_dtype="s32",
        cost=cost,
        template="ops/linear_list16.h.j2",
        goals=("speed",),
    )


_ARM = tuple(
    _kernel(core, tuple(name for name, own in CORES.items() if own == core))
    for core in dict.fromkeys(CORES.values())
)
KERNELS = _ARM
"""Before linear_swar16: a list costs less than a test of every input in every block."""
PORTABLE = _kernel("", ("", "rv32imc"))
"""After linear_swar16."""
