"""How often each value of a tensor is read: windows of a convolution read its edges less often."""

from __future__ import annotations

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Array, Graph, Node


def reads_of(node: Node, graph: Graph) -> Array:
    """Return how many windows of a node read each value of its first input, (size,), float64.

    Of a node that is no convolution each value is read once.
    """
    source = graph.tensor(node.inputs[0])
    op = node.op
    if not isinstance(op, QuantizedConv2d):
        return np.ones(source.size)
    _, *kernel, _ = op.weight.shape
    rows, columns = (
        _axis_reads(
            source.shape[axis],
            graph.tensor(node.outputs[0]).shape[axis],
            kernel[axis],
            (op.stride[axis], op.dilation[axis], op.pad[axis]),
        )
        for axis in (0, 1)
    )
    return np.repeat(np.outer(rows, columns).ravel(), source.shape[2])


def _axis_reads(size: int, places: int, kernel: int, steps: tuple[int, int, int]) -> Array:
    """Return how many windows read each row, or each column: one for each tap that meets it."""
    stride, dilation, pad = steps
    taps = np.arange(places)[:, None] * stride + np.arange(kernel) * dilation - pad
    inside = taps[(taps >= 0) & (taps < size)]
    return np.bincount(inside, minlength=size).astype(np.float64)
