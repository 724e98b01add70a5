"""How often a node reads each value of its input, and as which numbers it takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pyexport.digits import Digits, digits_of, mean_digits
from pyexport.integer.conv import Convolution, QuantizedConv2d, reads_padding
from pyexport.integer.recurrent import Recurrent
from pyexport.ir import Array, Graph, Node, Tensor
from pyexport.simulator.arrays.recurrent import recurrent


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


def taken_off(node: Node, graph: Graph) -> int:
    """Return what a node takes off each value before it multiplies: padding stands for 0."""
    quant = graph.tensor(node.inputs[0]).quant
    reads = isinstance(node.op, Convolution) and reads_padding(node.op)
    return quant.zero_point if reads and quant is not None else 0


def hidden_values(
    node: Node, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Callable[..., Array]:
    """Return what gives the hidden values that a recurrent node reads, (rows, steps * size)."""
    op = node.op
    if not isinstance(op, Recurrent):
        return lambda *values: np.zeros((len(values[0]), 1), dtype=np.int64)
    whole = recurrent(replace(op, sequence=True), inputs, outputs)

    def run(*values: Array) -> Array:
        _, (every, *_) = whole(*values)
        before = np.zeros((len(every), op.size), dtype=np.int64)
        return np.hstack([before, every[:, : -op.size].astype(np.int64)])

    return run


def summed_digits(values: Array, weights: Array | float) -> Array:
    """Return the digits of all values (rows, size) together, each counted by its weight, (3 + 1,).

    The last number is the sum of the weights.
    """
    numbers, places = np.unique(values, return_inverse=True)
    shares = np.broadcast_to(weights, values.shape).ravel()
    counts = np.bincount(places.ravel(), shares, len(numbers))
    table = np.array([(*digits_of(int(n)), 1) for n in numbers], dtype=np.float64)
    return np.asarray(counts @ table)


def as_digits(sums: Array) -> Digits:
    """Return the means of what was summed; of nothing those of 0."""
    length, ones, signed, weight = (float(one) for one in sums)
    if not weight:
        return mean_digits(())
    return Digits(length / weight, ones / weight, signed / weight)


def _axis_reads(size: int, places: int, kernel: int, steps: tuple[int, int, int]) -> Array:
    """Return how many windows read each row, or each column: one for each tap that meets it."""
    stride, dilation, pad = steps
    taps = np.arange(places)[:, None] * stride + np.arange(kernel) * dilation - pad
    inside = taps[(taps >= 0) & (taps < size)]
    return np.bincount(inside, minlength=size).astype(np.float64)
