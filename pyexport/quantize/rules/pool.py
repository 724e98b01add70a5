"""Pooling and reductions: the divisor of a mean goes into its multiplier."""

import math

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.integer.pool import (
    QuantizedAveragePool2d,
    QuantizedMaxPool2d,
    QuantizedReduce,
    QuantizedReduceMax,
)
from pyexport.ir import Array, AveragePool2d, MaxPool2d, QuantParams, Reduce
from pyexport.quantize.rules.base import Outcome, Request, one, scaling


def max_pool2d(request: Request) -> Outcome:
    """Return the integer max pooling: bytes keep their scale."""
    op = request.node.op
    assert isinstance(op, MaxPool2d)  # the registry asks for no other
    integer = QuantizedMaxPool2d(op.kernel, op.stride, op.pad[:2], op.dilation)
    return one(request, integer, request.sources[0])


def average_pool2d(request: Request) -> Outcome:
    """Return the integer average pooling, a multiplier for each divisor that occurs."""
    op = request.node.op
    assert isinstance(op, AveragePool2d)  # the registry asks for no other
    (source,) = request.sources
    output = request.output_params(signed=source.low < source.zero_point)
    rows, columns = (_divisors(op, request, axis) for axis in (0, 1))
    divisors = np.unique(np.outer(rows, columns)).astype(np.int32)
    count = op.kernel[0] * op.kernel[1]
    largest = np.full(len(divisors), count * _magnitude(source), dtype=np.int64)
    ratio = source.scale / (output.scale * divisors.astype(np.float64))
    multiplier, shift, pre_shift = scaling(ratio, largest)
    integer = QuantizedAveragePool2d(
        rows=rows,
        columns=columns,
        divisors=divisors,
        multiplier=multiplier,
        shift=shift,
        pre_shift=pre_shift,
        kernel=op.kernel,
        stride=op.stride,
        pad=op.pad[:2],
    )
    return one(request, integer, output)


def _divisors(op: AveragePool2d, request: Request, axis: int) -> Array:
    """Return how many rows (axis 0) or columns (1) of each window count."""
    size, before, behind = request.shape()[axis], op.pad[axis], op.pad[axis + 2]
    first, end = (-before, size + behind) if op.include_pad else (0, size)
    starts = np.arange(request.output_shape[axis]) * op.stride[axis] - before
    ends = np.minimum(starts + op.kernel[axis], end)
    return np.asarray(ends - np.maximum(starts, first), dtype=np.int32)


def reduction(request: Request) -> Outcome:
    """Return the integer sum, mean or maximum along axes that lie side by side."""
    op = request.node.op
    assert isinstance(op, Reduce)  # the registry asks for no other
    (source,) = request.sources
    outer, count, inner = _outline(op, request)
    if op.function == "max":
        return one(request, QuantizedReduceMax(outer, count, inner), source)
    output = request.output_params(signed=source.low < source.zero_point)
    divisor = count if op.function == "mean" else 1
    ratio = np.array([source.scale / (output.scale * divisor)])
    multiplier, shift, pre_shift = scaling(
        ratio, np.array([count * _magnitude(source)], dtype=np.int64)
    )
    integer = QuantizedReduce(multiplier, shift, pre_shift, outer, count, inner, op.function)
    return one(request, integer, output)


def _outline(op: Reduce, request: Request) -> tuple[int, int, int]:
    """Return the elements before, along and behind the axes; raises if others lie between."""
    shape = request.shape()
    axes = [axis for axis in op.axes if shape[axis] > 1] or [op.axes[0]]
    between = [axis for axis in range(axes[0], axes[-1]) if axis not in axes and shape[axis] > 1]
    if between:
        raise UnsupportedOperatorError(
            f"{request.title}: {op.function} over axes {op.axes} of {shape}, which do not lie side "
            "by side; the int8 kernel needs that: permute the tensor first"
        )
    return (
        math.prod(shape[: axes[0]]),
        math.prod(shape[axes[0] : axes[-1] + 1]),
        math.prod(shape[axes[-1] + 1 :]),
    )


def _magnitude(source: QuantParams) -> int:
    return max(source.zero_point - source.low, source.high - source.zero_point, 1)
