"""Integer linear layers in as many steps for every input, for cores that do not multiply.

A product is a sum of shifted weights, one for each digit of the input, and a digit of 0 masks its
weight away: no digit and no input is skipped. Two sums share a word, as in linear_bitserial16.
"""

from __future__ import annotations

import numpy as np

from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels.linear_bitserial16 import lowered, matches
from pyexport.lower.kernels.linear_q15x import cost, quant, quantized_linear


def _lower(node: Node, graph: Graph) -> Lowered:
    op, source = quantized_linear(node), quant(graph, node.inputs[0])
    # inputs are counted from the least one, so that no digit has a sign
    bias = op.bias.astype(np.int64) + source.low * op.weight.astype(np.int64).sum(axis=1)
    digits = (source.high - source.low).bit_length()
    return lowered(node, graph, bias, (("digits", digits), ("in_low", source.low)))


KERNEL = Kernel(
    name="linear_bitmask16",
    matches=lambda node, graph, target: matches(node, target),
    lower=_lower,
    workspace=lambda node, graph: 0,
    cost=cost,
    template="ops/linear_bitmask16.h.j2",
    goals=("constant-time",),
    constant_time=True,
)
