"""Lowers Resize where it copies pixels: nearest, by whole factors up or down."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyexport.errors import FileFormatError
from pyexport.frontends.channels import on_image
from pyexport.frontends.onnx.batch import with_batch
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, shape_of
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.frontends.onnx.shapes import cut
from pyexport.ir import Upsample2d


def resize(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Every output pixel is one input pixel: repeated ones, or every n-th."""
    x = low.computed(node, 0)
    shape = shape_of(x, low)
    factors, sizes = _factors(low, node, shape)
    if sizes == shape and all(factor == 1.0 for factor in factors):
        return [x]
    mode = low.word(node, "mode", "nearest")
    if mode != "nearest":
        raise low.unsupported(node, f"has the mode {mode}; use nearest, by a whole factor")
    scales = [1] * len(shape)
    for axis, (old, new) in enumerate(zip(shape, sizes, strict=True)):
        places = _places(low, node, old, new, factors[axis])
        step = places[1] - places[0] if new > 1 else 1
        if new % old == 0 and places == [i // (new // old) for i in range(new)]:
            scales[axis] = new // old
        elif step > 0 and places == list(range(places[0], places[-1] + 1, step)):
            if axis == x.batch:
                raise low.unsupported(node, "resizes the batch; resize height and width only")
            inner = axis - (x.batch is not None and axis > x.batch)
            x = cut(low, node, x, inner, places[0], new, step)
        else:
            raise low.unsupported(
                node, f"resizes {old} to {new} unevenly; use a whole factor, by which every pixel "
                "is repeated"
            )  # fmt: skip
    if all(scale == 1 for scale in scales):
        return [x]
    if len(shape) not in (3, 4) or scales[:2] != [1, 1]:
        raise low.unsupported(node, "enlarges more than height and width; resize only these")
    x = with_batch(low, node, x, 0)
    op = Upsample2d((1, scales[2]) if len(shape) == 3 else (scales[2], scales[3]))
    return [Computed(on_image(low.builder, op, x.value, low.source(node)), 0)]


def _factors(
    low: Lowering, node: OnnxNode, shape: tuple[int, ...]
) -> tuple[list[float], tuple[int, ...]]:
    """Return the factor and the new size of every axis."""
    scales, sizes = low.stored(node, 2, "scales"), low.numbers(node, 3, "sizes")
    axes = low.integers(node, "axes") or list(range(len(shape)))
    if low.word(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        raise low.unsupported(node, "keeps the aspect ratio; state the scales")
    factors, result = [1.0] * len(shape), list(shape)
    given = sizes if sizes else (scales.array.reshape(-1).tolist() if scales else [])
    if len(given) != len(axes) or not all(math.isfinite(n) and n > 0 for n in given):
        raise FileFormatError(f"{low.at(node)}: its scales are not one number an axis")
    for axis, number in zip(axes, given, strict=True):
        factors[axis] = float(number) / shape[axis] if sizes else float(number)
        result[axis] = int(number) if sizes else math.floor(shape[axis] * number)
    if min(result) < 1 or math.prod(result) > 1 << 30:
        raise low.unsupported(node, "leaves nothing, or too much; use other scales")
    return factors, tuple(result)


def _places(low: Lowering, node: OnnxNode, old: int, new: int, factor: float) -> list[int]:
    """Return which input element each output element of an axis is."""
    i = np.arange(new, dtype=np.float64)
    coordinates = low.word(node, "coordinate_transformation_mode", "half_pixel")
    match coordinates:
        case "asymmetric":
            x = i / factor
        case "half_pixel":
            x = (i + 0.5) / factor - 0.5
        case "pytorch_half_pixel":
            x = (i + 0.5) / factor - 0.5 if new > 1 else 0.0 * i
        case "align_corners":
            x = i * (old - 1) / (new - 1) if new > 1 else 0.0 * i
        case "half_pixel_symmetric":
            center = old / 2 * (1 - new / (factor * old))
            x = center + (i + 0.5) / factor - 0.5
        case _:
            raise low.unsupported(node, f"places pixels by {coordinates}; use asymmetric")
    nearest = low.word(node, "nearest_mode", "round_prefer_floor")
    rounded = {
        "floor": np.floor(x),
        "ceil": np.ceil(x),
        "round_prefer_ceil": np.floor(x + 0.5),
    }.get(nearest, np.ceil(x - 0.5))
    return [int(n) for n in np.clip(rounded, 0, old - 1)]
