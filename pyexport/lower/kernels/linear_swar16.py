"""Integer linear layers with two sums in a word, and a weight in each half of a word of flash."""

from __future__ import annotations

from collections.abc import Callable

from pyexport.ir import Array, Graph, Node, QuantizedLinear
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quant, quantized_linear
from pyexport.lower.kernels.sums import range_params
from pyexport.lower.packing import plain_const
from pyexport.program import Const
from pyexport.targets import Target

Pack = Callable[[Array, swar.Blocks], Array]


def matches(node: Node, graph: Graph, target: Target | None) -> bool:
    """Return whether two sums of the layer fit a word on this target."""
    op = node.op
    return (
        isinstance(op, QuantizedLinear)
        and len(op.bias) > 1
        and swar.has_word(target)
        and swar.sums_fit(op.acc_low, op.acc_high)
        and swar.combined_shifts(op.shift, op.pre_shift) is not None
    )


def lowered(node: Node, graph: Graph, table: Const, blocks: swar.Blocks, skips: bool) -> Lowered:
    """Return what all such kernels have; `table` holds the packed weights."""
    op = quantized_linear(node)
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    n_out, n_in = op.weight.shape
    shifts = swar.combined_shifts(op.shift, op.pre_shift)
    assert shifts is not None  # it matches
    start = swar.start_words(op.bias, blocks)
    return Lowered(
        consts=(
            table,
            plain_const(f"{node.name}_start", start, "s32", "biases of two outputs a word"),
            *swar.rounding_tables(node.name, op.multiplier, shifts),
        ),
        params=(
            ("n_in", n_in),
            ("n_out", n_out),
            ("block", blocks.size),
            ("skips", int(skips)),
            ("in_dtype", source.dtype),
            *range_params(target),
            *swar.rounding_params(shifts),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=n_out,
    )


def _kernel(goal: str, most: int) -> Kernel:
    def lower(node: Node, graph: Graph) -> Lowered:
        weight = quantized_linear(node).weight
        blocks = swar.blocks_of(len(weight), most)
        words = swar.weight_words16(weight, blocks)
        note = f"[blocks of {blocks.size} outputs][{weight.shape[1]} inputs][2 outputs a word]"
        table = plain_const(f"{node.name}_weight", words, "s32", note)
        return lowered(node, graph, table, blocks, goal != "constant-time")

    return Kernel(
        name="linear_swar16",
        matches=lambda node, graph, target: (
            swar.block_size(target) == most and matches(node, graph, target)
        ),
        lower=lower,
        workspace=lambda node, graph: 0,
        cost=cost,
        template="ops/linear_swar16.h.j2",
        goals=(goal,),
        constant_time=goal == "constant-time",
    )


KERNELS = tuple(
    _kernel(goal, most) for goal in ("speed", "constant-time") for most in swar.BLOCK_SIZES
)
