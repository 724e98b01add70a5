"""Weights input by input, for layers that read only the columns of inputs that are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.ir import Array


@dataclass(frozen=True)
class Layout:
    """How outputs are taken together: `size` at a time, their weights `stride` apart an input."""

    size: int
    stride: int

    def blocks(self, n: int) -> int:
        """Return how many blocks n outputs make."""
        return -(-n // self.size)


def layout_of(n: int, most: int) -> Layout:
    """Return blocks of at most `most` outputs, as equal as they can be.

    The stride is a power of two, so that a column is found without a product.
    """
    size = -(-n // -(-n // most))
    return Layout(size, 1 << (size - 1).bit_length())


def columns(weight: Array, layout: Layout) -> Array:
    """Return weights (n, n_in) as [block][input][output of the block]; what fills up is 0."""
    n, n_in = weight.shape
    blocks = layout.blocks(n)
    rows = np.zeros((blocks * layout.size, n_in), np.int64)
    rows[:n] = weight
    laid = np.zeros((blocks, n_in, layout.stride), np.int64)
    laid[:, :, : layout.size] = rows.reshape(blocks, layout.size, n_in).transpose(0, 2, 1)
    return laid


def padded(values: Array, layout: Layout) -> Array:
    """Return values (n,) with zeros behind them, up to the end of the last block."""
    whole = np.zeros(layout.blocks(len(values)) * layout.size, np.int64)
    whole[: len(values)] = values
    return whole


def paired(values: Array) -> Array:
    """Return values (n, ...), n even, two a word: an even one in the low half, modulo 2**32."""
    wide = values.astype(np.int64)
    words = (wide[0::2] + (wide[1::2] << 16)) & 0xFFFFFFFF
    return words.astype(np.uint32).view(np.int32)
