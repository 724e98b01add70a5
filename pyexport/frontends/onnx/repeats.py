"""Lowers what repeats elements, and what trades channels for pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.errors import FileFormatError
from pyexport.frontends.onnx.batch import axis_of, without_batch
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.frontends.onnx.shapes import under_shape
from pyexport.ir import Concat, Permute

MAX_REPEATS = 64  # of one axis: a repetition is a concatenation


def expand(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Axes of size 1 repeated to a stored shape."""
    x = low.computed(node, 0)
    shape = shape_of(x, low)
    sizes = tuple(low.numbers(node, 1, "shape") or ())
    try:
        wider = np.broadcast_shapes(shape, sizes)
    except ValueError:
        raise FileFormatError(
            f"{low.at(node)}: {show(shape)} does not broadcast to {show(sizes)}"
        ) from None
    x = under_shape(low, node, x, (1,) * (len(wider) - len(shape)) + shape)
    counts = [new // old for new, old in zip(wider, shape_of(x, low), strict=True)]
    return [_repeated(low, node, x, counts)]


def tile(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Every axis repeated a stored number of times."""
    x = low.computed(node, 0)
    counts = low.numbers(node, 1, "repeats") or []
    if len(counts) != len(shape_of(x, low)) or any(n < 1 for n in counts):
        raise FileFormatError(f"{low.at(node)}: repeats {show(counts)} of {show(shape_of(x, low))}")
    return [_repeated(low, node, x, counts)]


def _repeated(low: Lowering, node: OnnxNode, x: Computed, counts: Sequence[int]) -> Computed:
    """Return x joined to itself along every axis with a count above 1."""
    for axis, count in enumerate(counts):
        if count == 1:
            continue
        if count > MAX_REPEATS:
            raise low.unsupported(node, f"repeats an axis {count} times")
        x, place = axis_of(low, node, x, axis)
        x = Computed(low.one(node, Concat(place), *[x.value] * count), x.batch)
    return x


def depth_to_space(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Blocks of channels become squares of pixels."""
    x = low.computed(node, 0)
    size, mode = low.integer(node, "blocksize", 1), low.word(node, "mode", "DCR")
    shape = shape_of(x, low)
    if len(shape) != 4 or size < 1 or shape[1] % (size * size):
        raise FileFormatError(f"{low.at(node)}: {show(shape)} has no blocks of {size}x{size}")
    n, channels, height, width = shape
    deep = channels // (size * size)
    first = (size, size, deep) if mode == "DCR" else (deep, size, size)
    order: tuple[int, ...] = (2, 3, 0, 4, 1) if mode == "DCR" else (0, 3, 1, 4, 2)
    apart = under_shape(low, node, x, (n, *first, height, width))
    if apart.batch != 0:
        apart = without_batch(low, node, apart)
        order = (0, *(i + 1 for i in order))
    moved = Computed(low.one(node, Permute(order), apart.value), apart.batch)
    return [under_shape(low, node, moved, (n, deep, height * size, width * size))]


def space_to_depth(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Squares of pixels become blocks of channels."""
    x = low.computed(node, 0)
    size, mode = low.integer(node, "blocksize", 1), low.word(node, "mode", "DCR")
    shape = shape_of(x, low)
    if len(shape) != 4 or size < 1 or shape[2] % size or shape[3] % size:
        raise FileFormatError(f"{low.at(node)}: {show(shape)} has no squares of {size}x{size}")
    n, channels, height, width = shape
    apart = under_shape(low, node, x, (n, channels, height // size, size, width // size, size))
    order: tuple[int, ...] = (2, 4, 0, 1, 3) if mode == "DCR" else (0, 2, 4, 1, 3)
    if apart.batch != 0:
        apart = without_batch(low, node, apart)
        order = (0, *(i + 1 for i in order))
    moved = Computed(low.one(node, Permute(order), apart.value), apart.batch)
    return [
        under_shape(low, node, moved, (n, channels * size * size, height // size, width // size))
    ]
