"""Depthwise convolutions with two sums in a word: of two places that share their weights.

Channels have weights of their own, so that no input serves two outputs; but two places of a channel
have the same weights. A plane of words holds both: the lower half of the image in the upper lanes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Graph, Node
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.conv2d_q15x import loop_zero, quantized_conv, window_products
from pyexport.lower.kernels.sums import quant, range_params
from pyexport.lower.packing import plain_const
from pyexport.lower.reuse import Reuse, element_for_element
from pyexport.targets import Target

MOST_TAPS = 64  # of a kernel, as no loop goes over them
MOST_PRODUCTS = 100  # of a tile of sums, likewise


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution: sizes, and how far apart its neighbors lie in each table."""

    size: int
    out: int
    kernel: int
    stride: int
    dilation: int
    pad: int  # before the first
    in_step: int  # bytes
    out_step: int
    tap_step: int

    @property
    def reach(self) -> int:
        """Places of the input under the kernel, gaps included."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def half(self) -> int:
        """Outputs in the lower lanes; of an odd number the middle one is in both."""
        return -(-self.out // 2)

    @property
    def words(self) -> int:
        """Lines of words that hold what both halves read."""
        return (self.half - 1) * self.stride + self.reach

    @property
    def columns(self) -> int:
        """Words of a line; the last window ends, and a next one would begin, in it."""
        return (self.out - 1) * self.stride + max(self.reach, self.stride)


def axes_of(node: Node, graph: Graph) -> tuple[Axis, Axis]:
    """Return the axis that is halved, and the other: the one that repeats fewer outputs."""
    op = quantized_conv(node)
    height, width, channels = graph.tensor(node.inputs[0]).shape
    out_height, out_width, n_out = graph.tensor(node.outputs[0]).shape
    _, kernel_height, kernel_width, _ = op.weight.shape
    rows = Axis(
        height, out_height, kernel_height, op.stride[0], op.dilation[0], op.pad[0],
        width * channels, out_width * n_out, kernel_width,
    )  # fmt: skip
    columns = Axis(
        width, out_width, kernel_width, op.stride[1], op.dilation[1], op.pad[1], channels, n_out, 1
    )
    repeats_less = columns.half * rows.out < rows.half * columns.out
    return (columns, rows) if repeats_less else (rows, columns)


def tile_of(halved: Axis, taps: int, most: int) -> int:
    """Return how many lines of words are summed at once: weights are read once for them.

    The last tile repeats what it shares with the one before; fewer repeats come first.
    """
    sizes = range(1, max(min(most, halved.half, MOST_PRODUCTS // taps), 1) + 1)
    return min(sizes, key=lambda size: (-(-halved.half // size) * (3 * size + 1), -size))


def _reads_input(halved: Axis, other: Axis) -> bool:
    """Return whether any word holds a byte of the input, and not only padding."""
    apart = (halved.out - halved.half) * halved.stride
    lines = [line - halved.pad + more for line in range(halved.words) for more in (0, apart)]
    return other.columns > other.pad and any(0 <= line < halved.size for line in lines)


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    op = node.op
    return (
        isinstance(op, QuantizedConv2d)
        and op.groups > 1
        and op.weight.shape[3] == 1
        and op.weight[0].size <= MOST_TAPS
        and max(graph.tensor(node.outputs[0]).shape[:2]) > 1
        and _reads_input(*axes_of(node, graph))
        and swar.has_word(target)
        and swar.sums_fit(op.acc_low, op.acc_high)
        and swar.combined_shifts(op.shift, op.pre_shift) is not None
    )


def _workspace(node: Node, graph: Graph) -> int:
    """Return the words of the plane that a channel becomes."""
    halved, other = axes_of(node, graph)
    return halved.words * other.columns


def _lower(node: Node, graph: Graph, most: int, skips: bool) -> Lowered:
    op, zero = quantized_conv(node), loop_zero(node, graph)
    halved, other = axes_of(node, graph)
    shifts = swar.combined_shifts(op.shift, op.pre_shift)
    assert shifts is not None  # it matches
    in_height, in_width, _ = graph.tensor(node.inputs[0]).shape
    out_height, out_width, _ = graph.tensor(node.outputs[0]).shape
    n_out, height, width, _ = op.weight.shape
    sums = op.weight.reshape(n_out, -1).astype(np.int64).sum(axis=1)
    start = swar.same_in_both(op.bias.astype(np.int64) + zero * sums)
    target = quant(graph, node.outputs[0])
    shape = f"[{n_out} outputs][{height} rows][{width} columns]"
    axes = (
        (f"{letter}_{field}", getattr(axis, field))
        for letter, axis in (("a", halved), ("b", other))
        for field in Axis.__dataclass_fields__
    )
    return Lowered(
        consts=(
            plain_const(f"{node.name}_weight", op.weight.reshape(n_out, -1), "s8", shape),
            plain_const(f"{node.name}_start", start, "s32", "the bias in both halves of a word"),
            *swar.rounding_tables(node.name, op.multiplier, shifts),
        ),
        params=(
            ("height", in_height),
            ("width", in_width),
            ("out_height", out_height),
            ("out_width", out_width),
            ("channels", op.groups),
            ("n_out", n_out),
            ("kernel_height", height),
            ("kernel_width", width),
            *axes,
            ("distance", halved.out - halved.half),
            ("lines", halved.words),
            ("columns", other.columns),
            ("tile", tile_of(halved, height * width, most)),
            ("in_zero", zero),
            ("in_dtype", quant(graph, node.inputs[0]).dtype),
            ("skips", int(skips)),
            *range_params(target),
            *swar.rounding_params(shifts),
        ),
        acc_low=int(op.acc_low.min()),
        acc_high=int(op.acc_high.max()),
        trace_size=graph.tensor(node.outputs[0]).size,
    )


def _reuse(node: Node, graph: Graph) -> Reuse:
    """Return the input where outputs lie as inputs do: a channel is read before it is written."""
    same = graph.tensor(node.inputs[0]).shape == graph.tensor(node.outputs[0]).shape
    return element_for_element(node, graph) if same else Reuse()


def _kernel(goals: tuple[str, ...], most: int, block: int) -> Kernel:
    constant = "constant-time" in goals
    return Kernel(
        name="depthwise_swar16",
        matches=lambda node, graph, target: (
            swar.block_size(target) == block and _matches(node, graph, target)
        ),
        lower=lambda node, graph: _lower(node, graph, most, not constant),
        workspace=_workspace,
        workspace_dtype="u32",
        cost=lambda node, graph: window_products(quantized_conv(node).weight, graph, node),
        template="ops/depthwise_swar16.h.j2",
        reuse=_reuse,
        goals=goals,
        constant_time=constant,
    )


TILES = {8: 2, 16: 4, 32: 6}  # words of sums that stay in registers, by the size of blocks

KERNELS = tuple(
    _kernel(goals, most, block)
    for goals in (("speed", "balanced"), ("constant-time",))
    for block, most in TILES.items()
)
