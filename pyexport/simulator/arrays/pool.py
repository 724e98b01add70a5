"""Pooling and reductions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.pool import (
    Pool,
    QuantizedAveragePool2d,
    QuantizedMaxPool2d,
    QuantizedReduce,
    QuantizedReduceMax,
)
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, factors, flat, image, quant_of, requantized


def max_pool2d(
    op: QuantizedMaxPool2d, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Evaluate:
    """Return the evaluation of a max pooling."""
    taps = _taps(op, inputs[0], outputs[0], op.dilation)

    def run(x: Array) -> tuple[None, tuple[Array, ...]]:
        padded = _bordered(image(x, inputs[0]).astype(np.float32), -np.inf)
        windows = [padded[:, rows[:, None], columns] for rows, columns in taps]
        return None, (flat(np.maximum.reduce(windows)),)

    return run


def average_pool2d(
    op: QuantizedAveragePool2d, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Evaluate:
    """Return the evaluation of an average pooling."""
    (source,), (target,) = inputs, outputs
    taps = _taps(op, source, target, (1, 1))
    place = np.searchsorted(op.divisors, np.outer(op.rows, op.columns))
    factor = factors(op.multiplier, op.shift, op.pre_shift)[place][:, :, None]
    zero = quant_of(source).zero_point

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        padded = _bordered(image(x, source).astype(np.int64) - zero, 0)
        acc = np.zeros((len(x), *target.shape), dtype=np.int64)
        for rows, columns in taps:
            acc += padded[:, rows[:, None], columns]
        return flat(acc), (flat(requantized(acc, factor, target)),)

    return run


def _bordered(x: Array, value: float) -> Array:
    """Return images with one more row and column, which taps outside the input read."""
    return np.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)], constant_values=value)


def _taps(
    op: Pool, source: Tensor, target: Tensor, dilation: tuple[int, int]
) -> list[tuple[Array, Array]]:
    """Return rows and columns that each tap of the kernel reads, the input's size outside."""
    axes = []
    for axis in (0, 1):
        start = np.arange(target.shape[axis]) * op.stride[axis] - op.pad[axis]
        at = [start + tap * dilation[axis] for tap in range(op.kernel[axis])]
        size = source.shape[axis]
        axes.append([np.where((a >= 0) & (a < size), a, size) for a in at])
    return [(rows, columns) for rows in axes[0] for columns in axes[1]]


def reduce_sum(
    op: QuantizedReduce, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Evaluate:
    """Return the evaluation of a sum or mean along an axis."""
    factor = factors(op.multiplier, op.shift, op.pre_shift)
    zero = quant_of(inputs[0]).zero_point

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        lines = x.astype(np.int64).reshape(len(x), op.outer, op.count, op.inner) - zero
        acc = lines.sum(axis=2)
        return flat(acc), (flat(requantized(acc, factor, outputs[0])),)

    return run


def reduce_max(
    op: QuantizedReduceMax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Evaluate:
    """Return the evaluation of a maximum along an axis."""

    def run(x: Array) -> tuple[None, tuple[Array, ...]]:
        lines = x.reshape(len(x), op.outer, op.count, op.inner)
        return None, (flat(lines.max(axis=2)),)

    return run
