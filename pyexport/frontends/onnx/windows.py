"""Lowers operators on images and signals: convolutions, pooling, nearest resizing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pyexport.errors import FileFormatError
from pyexport.frontends.channels import on_image
from pyexport.frontends.onnx.batch import with_batch
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.ir import Array, AveragePool2d, Conv2d, ConvTranspose2d, MaxPool2d, Op

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True)
class Geometry:
    """How a kernel lies on an image; a signal is an image of height 1."""

    size: Pair  # of the image
    kernel: Pair
    stride: Pair
    dilation: Pair
    pad: Pads


def conv(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """A convolution with stored weights (n_out, channels / groups, [height,] width)."""
    x = _image(low, node)
    stored = low.stored(node, 1, "weight")
    if stored is None or stored.array.ndim != len(x.value.shape) + 1:
        raise FileFormatError(f"{low.at(node)}: its weight does not fit {show(shape_of(x, low))}")
    kernel = low.floats(stored, "conv", lambda a: np.moveaxis(_with_height(a), 1, 3))
    place = _geometry(low, node, x, (kernel.shape[1], kernel.shape[2]))
    groups = low.integer(node, "group", 1)
    bias = _bias(low, node, kernel.shape[0])
    return _emit(low, node, x, lambda: Conv2d(
        kernel, bias, place.stride, place.pad, place.dilation, groups
    ))  # fmt: skip


def conv_transpose(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """A transposed convolution with stored weights (channels, n_out / groups, [height,] width)."""
    x = _image(low, node)
    groups = low.integer(node, "group", 1)
    stored = low.stored(node, 1, "weight")
    if stored is None or stored.array.ndim != len(x.value.shape) + 1:
        raise FileFormatError(f"{low.at(node)}: its weight does not fit {show(shape_of(x, low))}")
    if groups < 1 or stored.array.shape[0] % groups:
        raise FileFormatError(f"{low.at(node)}: {groups} groups do not divide its channels")

    def turned(array: Array) -> Array:
        """Return (n_out, height, width, channels of a group)."""
        array = _with_height(array)
        parts = array.reshape(groups, -1, *array.shape[1:])  # group, channel, output, height, width
        return parts.transpose(0, 2, 3, 4, 1).reshape(-1, *array.shape[2:], parts.shape[1])

    kernel = low.floats(stored, ("transposed", groups), turned)
    place = _geometry(low, node, x, (kernel.shape[1], kernel.shape[2]), transposed=True)
    extra = _pair(low.integers(node, "output_padding"), 0)
    pad, extra = _transposed_pads(low, node, place, extra)
    bias = _bias(low, node, kernel.shape[0])
    return _emit(low, node, x, lambda: ConvTranspose2d(
        kernel, bias, place.stride, pad, extra, place.dilation, groups
    ))  # fmt: skip


def max_pool(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """The largest element of each window."""
    if any(node.outputs[1:]):
        raise low.unsupported(node, "gives indices as output; keep the first output")
    x = _image(low, node)
    place = _geometry(low, node, x, None)
    ceil = bool(low.integer(node, "ceil_mode", 0))
    return _emit(low, node, x, lambda: MaxPool2d(
        place.kernel, place.stride, place.pad, place.dilation, ceil
    ))  # fmt: skip


def average_pool(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """The mean of each window."""
    x = _image(low, node)
    place = _geometry(low, node, x, None)
    if place.dilation != (1, 1):
        raise low.unsupported(node, "has a dilation; use a depthwise Conv with equal weights")
    ceil = bool(low.integer(node, "ceil_mode", 0))
    include = bool(low.integer(node, "count_include_pad", 0))
    return _emit(low, node, x, lambda: AveragePool2d(
        place.kernel, place.stride, place.pad, ceil, include
    ))  # fmt: skip


def _image(low: Lowering, node: OnnxNode) -> Computed:
    x = with_batch(low, node, low.computed(node, 0), 0)
    if len(x.value.shape) not in (2, 3):
        raise low.unsupported(
            node, f"works on {show(shape_of(x, low))}; only signals (batch, channels, width) and "
            "images (batch, channels, height, width) are supported"
        )  # fmt: skip
    return x


def _emit(low: Lowering, node: OnnxNode, x: Computed, make: Callable[[], Op]) -> Sequence[Known]:
    try:
        value = on_image(low.builder, make(), x.value, low.source(node))
    except ValueError as error:
        raise low.unsupported(
            node, f"does not fit {show(shape_of(x, low))} ({error}); change its sizes"
        ) from None
    return [Computed(value, 0)]


def _with_height(weight: Array) -> Array:
    """Return weights of (outputs, inputs, [height,] width) with a height of at least 1."""
    return weight[:, :, None, :] if weight.ndim == 3 else weight


def _bias(low: Lowering, node: OnnxNode, n_out: int) -> Array:
    stored = low.stored(node, 2, "bias")
    if stored is None:
        return low.zeros(n_out)
    if stored.array.shape != (n_out,):
        raise FileFormatError(f"{low.at(node)}: its bias is not {n_out} numbers")
    return low.floats(stored, "bias")


def _pair(values: Sequence[int] | None, default: int) -> Pair:
    """Return (height, width) of one number an axis; a signal's height gets the default."""
    if not values:
        return (default, default)
    return (default, values[0]) if len(values) == 1 else (values[0], values[1])


def _geometry(
    low: Lowering, node: OnnxNode, x: Computed, kernel: Pair | None, transposed: bool = False
) -> Geometry:
    rank = len(x.value.shape) - 1
    lists = {
        key: low.integers(node, key)
        for key in ("kernel_shape", "strides", "dilations", "pads", "output_padding")
    }
    for key, values in lists.items():
        if values is not None and len(values) != rank * (2 if key == "pads" else 1):
            raise FileFormatError(f"{low.at(node)}: its {key} are {show(values)}")
    stated = _pair(lists["kernel_shape"], 1)
    if lists["kernel_shape"] is not None and kernel not in (None, stated):
        raise FileFormatError(f"{low.at(node)}: its kernel_shape is not that of its weight")
    kernel = kernel or stated
    stride, dilation = _pair(lists["strides"], 1), _pair(lists["dilations"], 1)
    height, width = (1, *x.value.shape[1:])[-2:]
    before, after = (0,) * rank, (0,) * rank
    if lists["pads"] is not None:
        before, after = tuple(lists["pads"][:rank]), tuple(lists["pads"][rank:])
    pad = (*_pair(before, 0), *_pair(after, 0))
    place = Geometry((height, width), kernel, stride, dilation, pad)
    return place if transposed else _with_auto_pad(low, node, place)


def _with_auto_pad(low: Lowering, node: OnnxNode, place: Geometry) -> Geometry:
    """Return the geometry with the padding that auto_pad stands for."""
    mode = low.word(node, "auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        if min(place.pad) < 0:
            raise low.unsupported(node, "has a negative padding; cut the image with a Slice")
        return place
    if mode == "VALID":
        return replace(place, pad=(0, 0, 0, 0))
    sides: list[Pair] = []
    for i in (0, 1):
        windows = -(-place.size[i] // place.stride[i])
        reach = (place.kernel[i] - 1) * place.dilation[i] + 1
        sides.append(_sides((windows - 1) * place.stride[i] + reach - place.size[i], mode))
    return replace(place, pad=(sides[0][0], sides[1][0], sides[0][1], sides[1][1]))


def _sides(whole: int, mode: str) -> Pair:
    """Return the padding before and after; of an odd one SAME_UPPER puts more after."""
    whole = max(whole, 0)
    small = whole // 2
    return (small, whole - small) if mode == "SAME_UPPER" else (whole - small, small)


def _transposed_pads(
    low: Lowering, node: OnnxNode, place: Geometry, extra: Pair
) -> tuple[Pads, Pair]:
    """Return what is cut off the output and added to it: as stated, or for the stated size."""
    mode = low.word(node, "auto_pad", "NOTSET")
    stated = low.integers(node, "output_shape")
    if stated is None and mode in ("NOTSET", "VALID", ""):
        if min(place.pad) < 0:
            raise low.unsupported(node, "has a negative padding; use a Pad after it")
        return (place.pad if mode != "VALID" else (0, 0, 0, 0)), extra
    wanted = _pair(stated[-2:] if stated else None, 1)
    sides: list[Pair] = []
    added = list(extra)
    for i in (0, 1):
        size = wanted[i] if stated else place.size[i] * place.stride[i]
        reach = (place.kernel[i] - 1) * place.dilation[i] + 1
        whole = place.stride[i] * (place.size[i] - 1) + extra[i] + reach - size
        if whole < -1:
            raise low.unsupported(node, "makes more than its windows reach; use a Pad after it")
        added[i] += max(-whole, 0)
        sides.append(_sides(whole, "SAME_UPPER" if mode == "SAME_UPPER" else "SAME_LOWER"))
    return (sides[0][0], sides[1][0], sides[0][1], sides[1][1]), (added[0], added[1])
