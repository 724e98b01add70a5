"""Pooling and enlarging in float64."""

from __future__ import annotations

import numpy as np

from pyexport.ir import AveragePool2d, FloatArray, MaxPool2d, Upsample2d
from pyexport.reference.conv import padded, taps
from pyexport.reference.rule import Arrays, Rule


def _max_pool(op: MaxPool2d, inputs: Arrays, _fixed_order: bool) -> Arrays:
    (x,) = inputs
    shape = op.output_shape(x.shape[1:])
    source = padded(x, op.windows, -np.inf)
    y = np.full((len(x), *shape), -np.inf, x.dtype)
    for _, _, place in taps(op.windows, shape[:2]):
        np.maximum(y, source[place], out=y)
    return (y,)


def _max_pool_back(op: MaxPool2d, inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
    """Give each gradient to the first element of its window that is the largest."""
    (x,), (y,) = inputs, outputs
    source = padded(x, op.windows, -np.inf)
    back = np.zeros_like(source)
    open_ = np.ones(y.shape, dtype=bool)
    apart = all(op.stride[axis] >= op.windows.extent(axis) for axis in (0, 1))
    for _, _, place in taps(op.windows, (y.shape[1], y.shape[2])):
        taken = open_ & (source[place] == y)
        if apart:
            np.multiply(gradients[0], taken, out=back[place])
        else:
            back[place] += gradients[0] * taken
        open_ ^= taken
    top, left = op.pad[:2]
    return (back[:, top : top + x.shape[1], left : left + x.shape[2]],)


def _average_pool(op: AveragePool2d, inputs: Arrays, _fixed_order: bool) -> Arrays:
    (x,) = inputs
    shape = op.output_shape(x.shape[1:])
    source = padded(x, op.windows, 0.0)
    y = np.zeros((len(x), *shape), x.dtype)
    for _, _, place in taps(op.windows, shape[:2]):
        y += source[place]
    return (y / divisors(op, x.shape[1], x.shape[2]).astype(x.dtype),)


def _average_pool_back(
    op: AveragePool2d, inputs: Arrays, outputs: Arrays, gradients: Arrays
) -> Arrays:
    (x,), (y,) = inputs, outputs
    share = gradients[0] / divisors(op, x.shape[1], x.shape[2]).astype(x.dtype)
    back = np.zeros_like(padded(x, op.windows, 0.0))
    for _, _, place in taps(op.windows, (y.shape[1], y.shape[2])):
        back[place] += share
    top, left = op.pad[:2]
    return (back[:, top : top + x.shape[1], left : left + x.shape[2]],)


def divisors(op: AveragePool2d, height: int, width: int) -> FloatArray:
    """Return what each window's sum is divided by, (windows down, windows across, 1)."""
    counts = op.windows.output_size(height, width)
    rows, columns = (_counted(op, size, i, counts[i]) for i, size in enumerate((height, width)))
    return (rows[:, None] * columns[None, :])[:, :, None]


def _counted(op: AveragePool2d, size: int, axis: int, count: int) -> FloatArray:
    before, after = op.pad[axis], op.pad[axis + 2]
    starts = np.arange(count) * op.stride[axis] - before
    low, high = (-before, size + after) if op.include_pad else (0, size)
    ends = np.minimum(starts + op.kernel[axis], high)
    return (ends - np.maximum(starts, low)).astype(np.float64)


def _upsample(op: Upsample2d, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (np.repeat(np.repeat(inputs[0], op.scale[0], axis=1), op.scale[1], axis=2),)


def _upsample_back(op: Upsample2d, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    n, height, width, channels = inputs[0].shape
    blocks = gradients[0].reshape(n, height, op.scale[0], width, op.scale[1], channels)
    return (blocks.sum(axis=(2, 4)),)


RULES = {
    MaxPool2d: Rule(_max_pool, _max_pool_back),
    AveragePool2d: Rule(_average_pool, _average_pool_back),
    Upsample2d: Rule(_upsample, _upsample_back),
}
