"""Convolutions: by lines of windows, or tap by tap, a shifted view of the input for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pyexport.ir import Conv2d, ConvTranspose2d, FloatArray, Windows
from pyexport.reference.lines import Lines
from pyexport.reference.rule import Arrays, Rule, clamped, passed

Place = tuple[slice, slice, slice]


def taps(windows: Windows, counts: tuple[int, int]) -> Iterator[tuple[int, int, Place]]:
    """Return (row, column, place) of each kernel position, row by row.

    `place` cuts out of a padded (n, height, width, channels) what that position sees in each of
    the counts[0] x counts[1] windows.
    """
    for row in range(windows.kernel[0]):
        for column in range(windows.kernel[1]):
            starts = (row * windows.dilation[0], column * windows.dilation[1])
            spans = [
                slice(start, start + (count - 1) * stride + 1, stride)
                for start, count, stride in zip(starts, counts, windows.stride, strict=True)
            ]
            yield row, column, (slice(None), spans[0], spans[1])


def padded(x: FloatArray, windows: Windows, value: float) -> FloatArray:
    """Return x with the windows' padding around it, and what a last window reaches beyond it."""
    top, left, bottom, right = windows.pad
    bottom += windows.overhang(x.shape[1], 0)
    right += windows.overhang(x.shape[2], 1)
    if not (top or left or bottom or right):
        return x
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def _conv(op: Conv2d, inputs: Arrays, fixed_order: bool) -> Arrays:
    (x,) = inputs
    if op.groups == 1 and not fixed_order:
        return (clamped(Lines.of(op, x.shape[1:]).forward(x), op.low, op.high),)
    shape = op.output_shape(x.shape[1:])
    source = padded(x, op.windows, 0.0)
    y = _filled(op.bias, (len(x), *shape), x.dtype)
    for row, column, place in taps(op.windows, shape[:2]):
        _add_products(y, source[place], _grouped(op, x.dtype)[:, :, row, column], fixed_order)
    return (clamped(y, op.low, op.high),)


def _conv_back(op: Conv2d, inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
    (x,), (y,) = inputs, outputs
    gradient = passed(gradients[0], y, op.low, op.high)
    if op.groups == 1:
        return (Lines.of(op, x.shape[1:]).backward(gradient),)
    back = np.zeros_like(padded(x, op.windows, 0.0))
    for row, column, place in taps(op.windows, (y.shape[1], y.shape[2])):
        weight = _grouped(op, y.dtype)[:, :, row, column].swapaxes(1, 2)
        _add_products(back[place], gradient, weight, False)
    top, left = op.pad[:2]
    return (back[:, top : top + x.shape[1], left : left + x.shape[2]],)


def _conv_transpose(op: ConvTranspose2d, inputs: Arrays, fixed_order: bool) -> Arrays:
    (x,) = inputs
    shape = op.output_shape(x.shape[1:])
    whole = _filled(op.bias, (len(x), *_uncut(op, shape)), x.dtype)
    for row, column, place in taps(op.windows, (x.shape[1], x.shape[2])):
        _add_products(whole[place], x, _grouped(op, x.dtype)[:, :, row, column], fixed_order)
    top, left = op.pad[:2]
    y = whole[:, top : top + shape[0], left : left + shape[1]]
    return (np.asarray(np.clip(y, op.low, op.high)),)


def _conv_transpose_back(
    op: ConvTranspose2d, inputs: Arrays, outputs: Arrays, gradients: Arrays
) -> Arrays:
    (x,), (y,) = inputs, outputs
    whole = np.zeros((len(x), *_uncut(op, y.shape[1:])), y.dtype)
    top, left = op.pad[:2]
    whole[:, top : top + y.shape[1], left : left + y.shape[2]] = passed(
        gradients[0], y, op.low, op.high
    )
    back = np.zeros_like(x)
    for row, column, place in taps(op.windows, (x.shape[1], x.shape[2])):
        weight = _grouped(op, y.dtype)[:, :, row, column].swapaxes(1, 2)
        _add_products(back, whole[place], weight, False)
    return (back,)


def _uncut(op: ConvTranspose2d, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the shape before the padding is cut off the output."""
    top, left, bottom, right = op.pad
    return (shape[0] + top + bottom, shape[1] + left + right, shape[2])


def _filled(bias: FloatArray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> FloatArray:
    return np.broadcast_to(bias.astype(dtype), shape).copy()


def _grouped(op: Conv2d | ConvTranspose2d, dtype: np.dtype[Any]) -> FloatArray:
    """Return the weights as (groups, outputs of a group, rows, columns, inputs of a group)."""
    weight = op.weight.astype(dtype, copy=False)
    return weight.reshape(op.groups, -1, *weight.shape[1:])


def _add_products(y: FloatArray, x: FloatArray, weight: FloatArray, fixed_order: bool) -> None:
    """Add x times the weights of one tap to y, in place.

    x is (n, height, width, groups * inputs), y (n, height, width, groups * outputs), weight
    (groups, outputs, inputs).
    """
    groups, n_out, n_in = weight.shape
    x = x.reshape(*x.shape[:3], groups, n_in)
    if fixed_order or n_in == 1:
        for i in range(n_in):
            y += (x[..., i, None] * weight[:, :, i]).reshape(y.shape)
        return
    flat = x.reshape(-1, groups, n_in).swapaxes(0, 1)  # (groups, places, inputs)
    sums = flat @ weight.swapaxes(1, 2)
    y += sums.swapaxes(0, 1).reshape(*x.shape[:3], groups * n_out)


RULES = {
    Conv2d: Rule(_conv, _conv_back),
    ConvTranspose2d: Rule(_conv_transpose, _conv_transpose_back),
}
