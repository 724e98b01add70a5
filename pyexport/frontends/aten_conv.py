"""Lowers convolutions and transposed convolutions from ATen, one- and two-dimensional."""

from __future__ import annotations

import numpy as np

from pyexport.errors import UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.aten_table import Table, table
from pyexport.frontends.channels import on_image
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering
from pyexport.frontends.pt2 import Call, Parameter
from pyexport.ir import Array, Conv2d, ConvTranspose2d
from pyexport.untrusted import printable

Pair = tuple[int, int]


def _conv(low: Lowering, call: Call) -> Value:
    x, weight, bias, dims = _arguments(low, call)
    groups = _groups(low, call)
    stride, dilation = (_pair(low, call, key, dims, 1) for key in ("stride", "dilation"))
    kernel = low.frozen(weight, "conv", _channels_last)
    pad = _padding(low, call, dims, (kernel.shape[1], kernel.shape[2]), dilation)
    op = Conv2d(kernel, _bias(low, call, bias, kernel), stride, pad, dilation, groups)
    return on_image(low.builder, op, x, printable(call.module))


def _conv_transpose(low: Lowering, call: Call) -> Value:
    x, weight, bias, dims = _arguments(low, call)
    groups = _groups(low, call)
    if weight.array.shape[0] % groups:
        raise UnsupportedModelError(f"{low.at(call)}: its weight does not fit {groups} groups")
    kernel = low.frozen(weight, f"conv_transpose {groups}", lambda a: _turned(a, groups))
    stride, dilation = (_pair(low, call, key, dims, 1) for key in ("stride", "dilation"))
    height, width = _pair(low, call, "padding", dims, 0)
    extra = _pair(low, call, "output_padding", dims, 0)
    pad = (height, width, height, width)
    offsets = _bias(low, call, bias, kernel)
    op = ConvTranspose2d(kernel, offsets, stride, pad, extra, dilation, groups)
    return on_image(low.builder, op, x, printable(call.module))


def _convolution(low: Lowering, call: Call) -> Value:
    return _conv_transpose(low, call) if low.flag(call, "transposed") else _conv(low, call)


def _arguments(low: Lowering, call: Call) -> tuple[Value, Parameter, Parameter | None, int]:
    """Return input, weight, bias and the number of spatial dimensions."""
    x = low.operand(call, "input")
    weight = low.parameter(call, "weight")
    if weight is None or weight.array.ndim not in (3, 4) or 0 in weight.array.shape:
        raise UnsupportedOperatorError(
            f"{low.at(call)} is not over one or two dimensions; use nn.Conv1d or nn.Conv2d"
        )
    dims = weight.array.ndim - 2
    if len(x.shape) != dims + 1:
        raise UnsupportedModelError(
            f"{low.at(call)} is applied to {len(x.shape)} dimensions beside the batch, not "
            f"{dims + 1}; give it (batch, channels, {'height, ' if dims == 2 else ''}width)"
        )
    return x, weight, low.parameter(call, "bias"), dims


def _groups(low: Lowering, call: Call) -> int:
    return low.integers(call, "groups", 1, 1)[0]


def _channels_last(weight: Array) -> Array:
    """Return (n_out, n_in, [height,] width) as (n_out, height, width, n_in)."""
    image = weight if weight.ndim == 4 else weight[:, :, None, :]
    return image.transpose(0, 2, 3, 1)


def _turned(weight: Array, groups: int) -> Array:
    """Return (n_in, n_out / groups, [height,] width) as (n_out, height, width, n_in / groups)."""
    image = weight if weight.ndim == 4 else weight[:, :, None, :]
    n_in, n_out, height, width = image.shape
    grouped = image.reshape(groups, n_in // groups, n_out, height, width)
    return grouped.transpose(0, 2, 3, 4, 1).reshape(groups * n_out, height, width, n_in // groups)


def _bias(low: Lowering, call: Call, bias: Parameter | None, kernel: Array) -> Array:
    if bias is None:
        return np.zeros(len(kernel), kernel.dtype)
    if bias.array.shape != (len(kernel),):
        raise UnsupportedModelError(
            f"{low.at(call)}: its bias has shape {bias.array.shape}, not ({len(kernel)},)"
        )
    return low.frozen(bias, "bias", lambda array: array)


def _pair(low: Lowering, call: Call, key: str, dims: int, default: int) -> Pair:
    """Return an argument for height and width; a height that does not exist has its default."""
    numbers = low.integers(call, key, dims, default)
    return (numbers[0], numbers[1]) if dims == 2 else (default, numbers[0])


def _padding(
    low: Lowering, call: Call, dims: int, kernel: Pair, dilation: Pair
) -> tuple[int, int, int, int]:
    given = call.arguments.get("padding")
    if given == "valid":
        return (0, 0, 0, 0)
    if given == "same":  # what is odd goes to the end
        total = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        top, left = total[0] // 2, total[1] // 2
        return (top, left, total[0] - top, total[1] - left)
    height, width = _pair(low, call, "padding", dims, 0)
    return (height, width, height, width)


CONV: Table = {
    **table(
        _conv, "conv1d.default", "conv1d.padding", "conv2d.default", "conv2d.padding",
    ),
    **table(_conv_transpose, "conv_transpose1d.default", "conv_transpose2d.input"),
    **table(_convolution, "convolution.default"),
}  # fmt: skip
