"""Integer linear layers with two sums in a word, and eight weights of 4 bits in a word of flash."""

from __future__ import annotations

from dataclasses import replace

from pyexport.ir import Graph, Node, QuantizedLinear
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quantized_linear
from pyexport.lower.kernels.linear_swar16 import lowered, matches
from pyexport.lower.packing import is_4bit, plain_const
from pyexport.targets import Target

FEW_REGISTERS = 8  # outputs a block where there is no register for a second mask


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return (
        isinstance(node.op, QuantizedLinear)
        and is_4bit(node.op.weight)
        and matches(node, graph, target)
    )


def _kernel(goal: str, most: int) -> Kernel:
    nested = most > FEW_REGISTERS  # masks that some cores have an instruction for

    def lower(node: Node, graph: Graph) -> Lowered:
        op = quantized_linear(node)
        blocks = swar.blocks_of(len(op.weight), most)
        note = (
            f"+8: [blocks of {blocks.size} outputs][{op.weight.shape[1]} inputs][8 outputs a word]"
        )
        words = swar.weight_words4(op.weight, blocks)
        table = plain_const(f"{node.name}_weight", words, "s32", note)
        made = lowered(node, graph, table, blocks, goal != "constant-time")
        start = swar.start_words4(op.bias, blocks, nested=nested)
        note = "biases of two outputs a word, with those of others that its sum takes too"
        consts = (table, plain_const(f"{node.name}_start", start, "s32", note), *made.consts[2:])
        return replace(made, consts=consts, params=(*made.params, ("nested", int(nested))))

    return Kernel(
        name="linear_swar4",
        matches=lambda node, graph, target: (
            swar.block_size(target) == most and _matches(node, graph, target)
        ),
        lower=lower,
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/linear_swar4.h.j2",
        goals=(goal,),
        constant_time=goal == "constant-time",
    )


KERNELS = tuple(
    _kernel(goal, most) for goal in ("balanced", "constant-time") for most in swar.BLOCK_SIZES
)
