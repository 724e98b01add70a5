"""Which values of its input an integer model tells apart: a front end saturates outside them."""

import numpy as np

from pyexport.ir import Array, FloatArray, Graph, QuantizedAffine, input_limits

FRONT_END = "front end"  # the source of a node that the quantizer put there


def front_end(graph: Graph) -> QuantizedAffine | None:
    """Return the integer affine map that alone reads the input, if there is one."""
    readers = graph.users(graph.input.name)
    op = readers[0].op if len(readers) == 1 else None
    return op if isinstance(op, QuantizedAffine) else None


def saturated_values(graph: Graph, rows: Array) -> int:
    """Return how many values of device rows an exporter's own front end saturates.

    One that the float model has itself (`MinMaxScaler(clip=True)`) counts none.
    """
    if front_end(graph) is None or graph.users(graph.input.name)[0].source != FRONT_END:
        return 0
    low, high = sensor_limits(graph)
    return int(((rows < low) | (rows > high)).sum())


def sensor_limits(graph: Graph) -> tuple[FloatArray, FloatArray]:
    """Return the least and greatest legal value of each input element, both (input size,).

    Behind a front end: of those values between which it does not saturate.
    """
    low, high = input_limits(graph)
    size, op = graph.input.size, front_end(graph)
    if op is None:
        return np.full(size, float(low)), np.full(size, float(high))
    output = graph.tensor(graph.users(graph.input.name)[0].outputs[0]).quant
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
