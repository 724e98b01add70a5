"""Convolutions of any sums in as many steps for every input."""

from __future__ import annotations

from dataclasses import replace

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Graph, Node
from pyexport.lower.kernel import Kernel, Lowered
from pyexport.lower.kernels import conv2d_q15x
from pyexport.lower.swar import multiplies


def _lower(node: Node, graph: Graph, steps: bool) -> Lowered:
    made = conv2d_q15x.KERNEL.lower(node, graph)
    return replace(made, params=(*made.params, ("steps", int(steps))))


def _kernel(steps: bool) -> Kernel:
    return replace(
        conv2d_q15x.KERNEL,
        name="conv2d_q15x_ct",
        matches=lambda node, graph, target: (
            isinstance(node.op, QuantizedConv2d) and multiplies(target) != steps
        ),
        lower=lambda node, graph: _lower(node, graph, steps),
        template="ops/conv2d_q15x_ct.h.j2",
        goals=("constant-time",),
        constant_time=True,
    )


KERNELS = (_kernel(False), _kernel(True))
