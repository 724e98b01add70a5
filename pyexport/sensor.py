"""Which values of its input an integer model tells apart: a front end saturates outside them."""

import numpy as np

from pyexport.ir import Array, FloatArray, Graph, Node, QuantizedAffine, Tensor
from pyexport.rows import input_tensors, row_slices, tensor_limits

FRONT_END = "front end"  # the source of a node that the quantizer put there


def front_end(graph: Graph, source: Tensor) -> QuantizedAffine | None:
    """Return the integer affine map that alone reads an input, if there is one."""
    readers = graph.users(source.name)
    op = readers[0].op if len(readers) == 1 else None
    return op if isinstance(op, QuantizedAffine) else None


def saturated_values(graph: Graph, rows: Array) -> int:
    """Return how many values of device rows an exporter's own front end saturates.

    One that the float model has itself (`MinMaxScaler(clip=True)`) counts none.
    """
    found, inputs = 0, input_tensors(graph)
    for source, part in zip(inputs, row_slices(inputs), strict=True):
        op = front_end(graph, source)
        if op is not None and graph.users(source.name)[0].source == FRONT_END:
            (low, high), values = _limits(graph, source), rows[:, part]
            found += int(((values < low) | (values > high)).sum())
    return found


def sensor_limits(graph: Graph) -> tuple[FloatArray, FloatArray]:
    """Return the least and greatest legal value of each element of an input row, (row size,).

    Behind a front end: of those values between which it does not saturate.
    """
    lows, highs = zip(*(_limits(graph, source) for source in input_tensors(graph)), strict=True)
    return np.concatenate(lows), np.concatenate(highs)


def passed_on(node: Node, graph: Graph, rows: Array, values: Array) -> FloatArray:
    """Return device inputs (n, size), not rounded, that stand for a front end's outputs `values`.

    Columns that it takes as constant are those of the rows that went in.
    """
    op, output = node.op, graph.tensor(node.outputs[0]).quant
    assert isinstance(op, QuantizedAffine) and output is not None  # what a front end is
    repeats = rows.shape[1] // len(op.weight)
    weight = np.tile(op.weight.astype(np.float64), repeats)
    factor = np.ldexp(op.multiplier.astype(np.float64), op.pre_shift - 16 - op.shift)
    varies = (weight != 0.0) & (np.tile(factor, repeats) != 0.0)
    sums = (values.reshape(rows.shape) - output.zero_point) / np.where(
        varies, np.tile(factor, repeats), 1.0
    )
    inputs = (sums - np.tile(op.bias, repeats)) / np.where(varies, weight, 1.0)
    return np.where(varies, inputs, rows)


def _limits(graph: Graph, source: Tensor) -> tuple[FloatArray, FloatArray]:
    low, high = tensor_limits(source)
    size, op = source.size, front_end(graph, source)
    if op is None:
        return np.full(size, float(low)), np.full(size, float(high))
    output = graph.tensor(graph.users(source.name)[0].outputs[0]).quant
    assert output is not None  # integer operators have quantized tensors
    slope = np.ldexp(op.multiplier.astype(np.float64), op.pre_shift - 16 - op.shift) * op.weight
    varies = slope != 0.0
    divisor, weight = np.where(varies, slope, 1.0), np.where(varies, op.weight, 1)
    # Half a step further the output is rounded to its limit, another half to be outside surely.
    ends = [
        (limit - output.zero_point) / divisor - op.bias / weight + beyond / np.abs(divisor)
        for limit in (output.low, output.high)
        for beyond in (-1.0, 1.0)
    ]
    least = np.where(varies, np.floor(np.min(ends, axis=0)), low)
    most = np.where(varies, np.ceil(np.max(ends, axis=0)), high)
    repeats = size // len(op.weight)
    return (
        np.clip(np.tile(least, repeats), low, high),
        np.clip(np.tile(most, repeats), low, high),
    )
