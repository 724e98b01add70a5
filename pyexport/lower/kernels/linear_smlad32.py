"""Integer linear layers on pairs of products, four instructions for four: any sums of 32 bits."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array, Graph, Node
from pyexport.lower import dsp
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_q15x import cost, quantized_linear
from pyexport.targets import Target


def _matches(node: Node, graph: Graph, target: Target | None) -> bool:
    return dsp.matches(node, graph, target, 0)


def _word(quad: Array) -> Array:
    """Return (rows, n, 4) weights as words of four bytes, the first one lowest."""
    return np.asarray(((quad & 0xFF) << (8 * np.arange(dsp.QUAD))).sum(axis=-1))


def _lower(node: Node, graph: Graph) -> Lowered:
    op = quantized_linear(node)
    words = dsp.weight_words(op.weight, _word)
    return dsp.lowered(node, graph, words, dsp.start_words(op.bias, 0), 0, (0, 0))


KERNEL = Kernel(
    name="linear_smlad32",
    matches=_matches,
    lower=_lower,
    workspace=dsp.workspace,
    workspace_dtype="s32",
    cost=cost,
    template="ops/linear_smlad32.h.j2",
    goals=("balanced", "speed", "constant-time"),
    constant_time=True,
)
