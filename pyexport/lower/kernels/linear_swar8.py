"""Integer linear layers with two sums in a word, and four weights in a word of flash."""

from __future__ import annotations

from pyexport.ir import Graph, Node
from pyexport.lower import swar
from pyexport.lower.dsp import has_dsp
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quantized_linear
from pyexport.lower.kernels.linear_swar16 import lowered, matches
from pyexport.lower.packing import plain_const


def _kernel(most: int) -> Kernel:
    def lower(node: Node, graph: Graph) -> Lowered:
        weight = quantized_linear(node).weight
        blocks = swar.blocks_of(len(weight), most)
        words = swar.weight_words8(weight, blocks)
        note = (
            f"+128: [blocks of {blocks.size} outputs][{weight.shape[1]} inputs][4 outputs a word]"
        )
        table = plain_const(f"{node.name}_weight", words, "s32", note)
        return lowered(node, graph, table, blocks, skips=True)

    return Kernel(
        name="linear_swar8",
        matches=lambda node, graph, target: (
            swar.block_size(target) == most
            and matches(node, graph, target)
            and not has_dsp(target)  # linear_smlad24 takes as much flash and fewer instructions
        ),
        lower=lower,
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/linear_swar8.h.j2",
        goals=("balanced",),
    )


KERNELS = tuple(_kernel(most) for most in swar.BLOCK_SIZES)
