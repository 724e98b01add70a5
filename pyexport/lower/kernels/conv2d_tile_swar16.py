"""Convolutions with two sums in a word and a max pooling behind them: a pool's windows together.

Each weight is read once for all windows of a pool, whose sums all stay in registers: of RISC-V
there are enough. Windows read a copy of the input with its padding around it, so that none is cut.
"""

from __future__ import annotations

from dataclasses import replace

from pyexport.integer.conv import reads_padding
from pyexport.ir import Graph, Node
from pyexport.lower import swar
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.conv2d_pool_swar16 import pool_behind, pool_of
from pyexport.lower.kernels.conv2d_q15x import quantized_conv
from pyexport.lower.kernels.conv2d_swar16 import cost, lowered, matches, weight_table
from pyexport.targets import Target

SUMS = 16  # words that stay in registers beside an input, its weights and addresses


def _area(node: Node, graph: Graph) -> int:
    """Return how many windows a pool holds."""
    kernel = pool_of(node, graph).kernel
    return kernel[0] * kernel[1]


def _most(node: Node, graph: Graph) -> int:
    """Return how many outputs a block has at most."""
    return SUMS // _area(node, graph) * swar.PER_WORD


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    if not matches(node, graph, target):
        return False
    op = quantized_conv(node)
    side_by_side = op.dilation[1] == 1 or op.weight.shape[2] == 1
    return side_by_side and pool_behind(node, graph) is not None and _most(node, graph) > 1


def _workspace(node: Node, graph: Graph) -> int:
    """Return the bytes of the padded copy, if anything is padded."""
    op = quantized_conv(node)
    height, width, channels = graph.tensor(node.inputs[0]).shape
    padded = (height + op.pad[0] + op.pad[2]) * (width + op.pad[1] + op.pad[3]) * channels
    return padded if reads_padding(op) else 0


def _lower(node: Node, graph: Graph) -> Lowered:
    most, op, pool = _most(node, graph), quantized_conv(node), pool_of(node, graph)
    both = lowered(node, graph, weight_table(node, most), most, True, swar.HALF)
    more = (
        ("pool_height", pool.kernel[0]),
        ("pool_width", pool.kernel[1]),
        ("pad_bottom", op.pad[2]),
        ("pad_right", op.pad[3]),
    )
    return replace(both, params=(*both.params, *more))


def _kernel(*, portable: bool) -> Kernel:
    def is_for(node: Node, graph: Graph, target: Target | None) -> bool:
        has_registers = target is not None and target.family == "riscv"
        wanted = target is None if portable else has_registers
        return wanted and _matches(node, graph, target)

    return Kernel(
        name="conv2d_tile_swar16",
        matches=is_for,
        lower=_lower,
        workspace=_workspace,
        cost=cost,
        template="ops/conv2d_tile_swar16.h.j2",
        goals=("speed",),
        absorbs=pool_behind,
    )


KERNEL = _kernel(portable=False)
PORTABLE = _kernel(portable=True)
"""After conv2d_pool_swar16: most cores have fewer registers."""
