"""Convolutions as matrix products of windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyexport.integer.conv import Convolution, QuantizedConv2d
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, factors, flat, image, quant_of, requantized

BLOCK = 1 << 22  # numbers of windows that are held at a time


def convolution(op: Convolution, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a convolution, transposed or not."""
    (source,), (target,) = inputs, outputs
    rows, columns = (_reads(op, source, target, axis) for axis in (0, 1))
    dtype = _dtype(op, source)
    n_out, per_group = len(op.weight), op.weight.shape[3]
    each = n_out // op.groups
    weight = op.weight.reshape(op.groups, each, -1).transpose(0, 2, 1).astype(dtype)
    bias = op.bias.astype(dtype)
    factor = factors(op.multiplier, op.shift, op.pre_shift)
    zero = quant_of(source).zero_point
    height, width, channels = source.shape
    window = rows.size * columns.size * channels

    def sums(x: Array) -> Array:
        # One more row and column, of the zero point, is what taps outside read.
        padded = np.full((len(x), height + 1, width + 1, channels), zero, dtype=dtype)
        padded[:, :height, :width] = image(x, source)
        taken = padded[:, rows[:, :, None, None], columns[None, None, :, :]]
        n, oh, kh, ow, kw, _ = taken.shape
        taken = taken.reshape(n, oh, kh, ow, kw, op.groups, per_group)
        taken = taken.transpose(5, 0, 1, 3, 2, 4, 6).reshape(op.groups, n * oh * ow, -1)
        acc = np.matmul(taken, weight).transpose(1, 0, 2).reshape(n, oh, ow, n_out)
        return np.asarray(acc + bias)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        step = max(1, BLOCK // window)
        blocks = [sums(x[i : i + step]) for i in range(0, max(len(x), 1), step)]
        acc = np.concatenate(blocks)
        return flat(acc), (flat(requantized(acc, factor, target)),)

    return run


def _reads(op: Convolution, source: Tensor, target: Tensor, axis: int) -> Array:
    """Return (outputs, taps): the row or column that each tap reads; the size if it is outside."""
    out = np.arange(target.shape[axis])[:, None]
    tap = np.arange(op.weight.shape[1 + axis])[None, :]
    size, stride = source.shape[axis], op.stride[axis]
    if isinstance(op, QuantizedConv2d):
        at = out * stride + tap * op.dilation[axis] - op.pad[axis]
        inside = (at >= 0) & (at < size)
    else:
        at = out + op.pad[axis] - tap * op.dilation[axis]
        inside = (at >= 0) & (at < size * stride) & (at % stride == 0)
        at = at // stride
    return np.where(inside, at, size)


def _dtype(op: Convolution, source: Tensor) -> Any:
    """Return float32 if it holds every partial sum exactly, else float64."""
    quant = quant_of(source)
    largest = max(abs(quant.low), abs(quant.high), abs(quant.zero_point))
    absolute = np.abs(op.weight.astype(np.int64)).reshape(len(op.weight), -1).sum(axis=1) * largest
    total = int((absolute + np.abs(op.bias.astype(np.int64))).max())
    return np.float32 if total < 2**24 else np.float64
