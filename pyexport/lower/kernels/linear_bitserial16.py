"""Integer linear layers with two sums in a word, for cores that do not multiply.

A product is a sum of shifted weights, one for each digit of the input that is not 0. Digits have a
sign (canonical signed digits): 7 is 8 - 1, and of two neighbors at most one is not 0. Inputs are
sorted by their digits once; then all weights with the same digit are added, and sums are doubled
between digits, as in a number read from the left. The multipliers of the outputs are constants
in the code, of shifts and sums as well.
"""

from __future__ import annotations

from pyexport.ir import Array, Graph, Node, QuantizedLinear, QuantParams
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quant, quantized_linear
from pyexport.lower.kernels.sums import range_params
from pyexport.lower.packing import plain_const
from pyexport.targets import Target

MOST = 12  # outputs whose sums share the registers: six words of the eleven that compilers use
BLOCK = 8  # outputs of a block where there are more: a shift finds the row of an input
MOST_NARROW = 255  # inputs that a list of bytes can name, beside 0 for its end


def matches(node: Node, target: Target | None) -> bool:
    """Return whether two sums of the layer fit a word, on a core that does not multiply."""
    op = node.op
    return (
        isinstance(op, QuantizedLinear)
        and target is not None
        and not target.multiplies
        and op.weight.shape[1] < 1 << 16
        and swar.sums_fit(op.acc_low, op.acc_high)
        and swar.combined_shifts(op.shift, op.pre_shift) is not None
    )


def blocks_of(n_out: int) -> swar.Blocks:
    """Return the outputs whose sums are taken together."""
    return swar.blocks_of(n_out, MOST if n_out <= MOST else BLOCK)


def _index(node: Node) -> str:
    return "u8" if quantized_linear(node).weight.shape[1] <= MOST_NARROW else "u16"


def digits(source: QuantParams) -> int:
    """Return how many signed digits the inputs have."""
    return max(((3 * a ^ a) >> 1).bit_length() for a in (abs(source.low), abs(source.high)))


def _workspace(node: Node, graph: Graph) -> int:
    """Return a list a digit: inputs with that digit, and a 0 that ends them."""
    count = digits(quant(graph, node.inputs[0]))
    return count * (int(quantized_linear(node).weight.shape[1]) + 1)


def _lower(node: Node, graph: Graph) -> Lowered:
    params = (("digits", digits(quant(graph, node.inputs[0]))), ("index", _index(node)))
    return lowered(node, graph, quantized_linear(node).bias, params)


def lowered(node: Node, graph: Graph, bias: Array, params: swar.Params) -> Lowered:
    """Return what such kernels have: bias is where the sums start, params what is their own."""
    op = quantized_linear(node)
    source, target = quant(graph, node.inputs[0]), quant(graph, node.outputs[0])
    n_out, n_in = op.weight.shape
    shifts = swar.combined_shifts(op.shift, op.pre_shift)
    assert shifts is not None  # it matches
    blocks = blocks_of(n_out)
    note = f"[blocks of {blocks.size} outputs][{n_in} inputs][2 outputs a word]"
    start = swar.start_words(bias, blocks)
    return Lowered(
        consts=(
            plain_const(f"{node.name}_weight", swar.weight_words16(op.weight, blocks), "s32", note),
            plain_const(f"{node.name}_start", start, "s32", "biases of two outputs a word"),
        ),
        params=(
            ("n_in", n_in),
            ("n_out", n_out),
            ("block", blocks.size),
            ("in_dtype", source.dtype),
            *params,
            *range_params(target),
            ("multipliers", " ".join(str(m) for m in op.multiplier.tolist())),
            ("shifts", " ".join(str(s) for s in shifts.tolist())),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=n_out,
    )


def _kernel(index: str) -> Kernel:
    return Kernel(
        name="linear_bitserial16",
        matches=lambda node, graph, target: matches(node, target) and _index(node) == index,
        lower=_lower,
        workspace=_workspace,
        workspace_dtype=index,
        cost=cost,
        template="ops/linear_bitserial16.h.j2",
        goals=("balanced", "speed"),
    )


KERNELS = tuple(_kernel(index) for index in ("u8", "u16"))
