"""Convolutions without groups as matrix products: a line of windows at a time, in blocks of it.

Windows side by side share most of what they read. A block of them reads one strip of the input, and
its products are one matrix whose columns are the kernel, moved on from window to window. Wider
blocks copy less and multiply more zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pyexport.ir import Conv2d, FloatArray

COPY = 100  # multiply-adds that take as long as the copy of one element, about


@dataclass(frozen=True, eq=False)
class Lines:
    """The windows of a convolution on inputs of one shape, cut into blocks of neighbors."""

    op: Conv2d
    shape: tuple[int, int, int]  # of the input
    counts: tuple[int, int]  # windows down and across
    block: int  # windows of a block
    blocks: int  # of a line; the last one may reach beyond it
    span: int  # columns that a block reads

    @staticmethod
    def of(op: Conv2d, shape: tuple[int, ...]) -> Lines:
        """Return the cut that seems fastest."""
        height, width, channels = shape
        down, across, n_out = op.output_shape(shape)
        extent, stride = op.windows.extent(1), op.stride[1]

        def span(block: int) -> int:
            return (block - 1) * stride + extent

        def cost(block: int) -> int:
            reads = op.weight.shape[1] * span(block) * channels
            return int(-(-across // block) * reads * (block * n_out + COPY))

        block = min(range(1, across + 1), key=cost)
        blocks = -(-across // block)
        return Lines(op, (height, width, channels), (down, across), block, blocks, span(block))

    @property
    def padded_shape(self) -> tuple[int, int, int]:
        """Shape of the input with its padding, and with what the last block reads beyond it."""
        (top, left, bottom, right), (height, width, channels) = self.op.pad, self.shape
        needed = (self.blocks - 1) * self.block * self.op.stride[1] + self.span
        return top + height + bottom, max(left + width + right, needed), channels

    def matrix(self, dtype: np.dtype[Any]) -> FloatArray:
        """Return what a block's strip is multiplied by: (rows * span * channels, block * n_out)."""
        weight = self.op.weight.astype(dtype, copy=False).transpose(1, 2, 3, 0)
        rows, columns, channels, n_out = weight.shape
        matrix = np.zeros((self.block, self.span, rows, channels, n_out), dtype)
        window = np.arange(self.block)
        for column in range(columns):
            first = window * self.op.stride[1] + column * self.op.dilation[1]
            matrix[window, first] = weight[:, column]
        return matrix.transpose(2, 1, 3, 0, 4).reshape(rows * self.span * channels, -1)

    def forward(self, x: FloatArray) -> FloatArray:
        """Return the sums with their bias, (n, windows down, windows across, n_out)."""
        (top, left), (height, width, channels) = self.op.pad[:2], self.shape
        source = np.zeros((len(x), *self.padded_shape), x.dtype)
        source[:, top : top + height, left : left + width] = x
        row, line, column, item = source.strides
        strips = as_strided(
            source,
            (len(x), self.counts[0], self.blocks, self.op.weight.shape[1], self.span * channels),
            (row, self.op.stride[0] * line, self.block * self.op.stride[1] * column,
             self.op.dilation[0] * line, item),
            writeable=False,
        )  # fmt: skip
        matrix = self.matrix(x.dtype)
        y = strips.reshape(-1, len(matrix)) @ matrix
        y = y.reshape(len(x), self.counts[0], self.blocks * self.block, -1)
        y = y[:, :, : self.counts[1]] if self._is_wider else y
        y += self.op.bias.astype(x.dtype)
        return np.asarray(y)

    def backward(self, gradient: FloatArray) -> FloatArray:
        """Return the gradient on the input from the one on the sums."""
        n_out, dtype = gradient.shape[-1], gradient.dtype
        if self._is_wider:
            given, whole = gradient, (len(gradient), self.counts[0], self.blocks * self.block)
            gradient = np.zeros((*whole, n_out), dtype)
            gradient[:, :, : self.counts[1]] = given
        (top, left), (height, width, channels) = self.op.pad[:2], self.shape
        strips = gradient.reshape(-1, self.block * n_out) @ self.matrix(dtype).T
        rows = self.op.weight.shape[1]
        strips = strips.reshape(-1, self.counts[0], self.blocks, rows, self.span, channels)
        back = np.zeros((len(gradient), *self.padded_shape), dtype)
        for row in range(rows):
            first = row * self.op.dilation[0]
            lines = slice(first, first + (self.counts[0] - 1) * self.op.stride[0] + 1)
            for block in range(self.blocks):
                left_end = block * self.block * self.op.stride[1]
                place = back[:, lines, left_end : left_end + self.span][:, :: self.op.stride[0]]
                place += strips[:, :, block, row]
        return back[:, top : top + height, left : left + width]

    @property
    def _is_wider(self) -> bool:
        return self.blocks * self.block > self.counts[1]
