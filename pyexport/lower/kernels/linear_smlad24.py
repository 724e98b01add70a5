"""Integer linear layers on pairs of products, three instructions for four of them.

A halfword 256 * w1 + w0 is a factor for both weights at once; docs/arithmetic.md derives why the
sum, 256 times what it should be, is exact where 24 bits hold it.
"""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array, Graph, Node
from pyexport.lower import dsp
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quant, quantized_linear
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return dsp.matches(node, graph, target, dsp.SUM24)


def _word(quad: Array) -> Array:
    """Return (rows, n, 4) weights as words of two halfwords 256 * w1 + w0 and 256 * w3 + w2."""
    halves = 256 * quad[..., 1::2] + quad[..., 0::2]
    return np.asarray((halves[..., 0] & 0xFFFF) + (halves[..., 1] << 16))


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_linear(node)
    odd, even = dsp.odd_and_even(quant(graph, node.inputs[0]))
    weight = op.weight.astype(np.int64)
    bias = op.bias + even * weight[:, 0::2].sum(axis=1) - odd * weight[:, 1::2].sum(axis=1)
    return dsp.lowered(
        node,
        graph,
        dsp.weight_words(op.weight, _word),
        dsp.start_words(bias, dsp.SUM24),
        dsp.SUM24,
        (odd, -even),
    )


def _kernel(goals: tuple[str, ...], *, on_dsp: bool) -> Kernel:
    def is_for(node: Node, graph: Graph, target: Target | None) -> bool:
        return (target is not None or not on_dsp) and _matches(node, graph, target)

    return Kernel(
        name="linear_smlad24",
        matches=is_for,
        lower=_lower,
        workspace=dsp.workspace,
        workspace_dtype="s32",
        cost=cost,
        template="ops/linear_smlad24.h.j2",
        goals=goals,
        constant_time=True,
    )


BEFORE_SWAR = _kernel(("balanced", "constant-time"), on_dsp=True)
AFTER_SWAR = _kernel(("balanced", "speed", "constant-time"), on_dsp=False)
