"""Integer convolutions (docs/arithmetic.md, "Convolutions")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyexport.integer.base import (
    MAX_REACH,
    IntegerOp,
    Record,
    one_an_output,
    quant_of,
    require,
    require_array,
    require_counts,
    require_int32,
    require_scaling,
    require_sums,
)
from pyexport.ir import Array, QuantParams, Tensor


@dataclass(frozen=True, eq=False)
class QuantizedConv2d(IntegerOp):
    """Integer convolution over (height, width, channels); outside the image lies the zero point."""

    kind: ClassVar[str] = "quantized_conv2d"
    weight: Array  # (n_out, kernel height, kernel width, channels / groups), int8 in -127..127
    bias: Array  # (n_out,), int32; -zero_point_in * sum(weight) is already in it
    multiplier: Array  # (n_out,), int32
    shift: Array  # (n_out,), int32
    pre_shift: int
    weight_scale: Array  # (n_out,), float64
    acc_low: Array  # (n_out,), int64: bounds of the final sum over a whole window
    acc_high: Array  # (n_out,), int64
    stride: tuple[int, int]  # height, width
    pad: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]
    groups: int
    activation: str = ""


@dataclass(frozen=True, eq=False)
class QuantizedConvTranspose2d(IntegerOp):
    """Integer transposed convolution, as a sum for each output: one rounding an output."""

    kind: ClassVar[str] = "quantized_conv_transpose2d"
    weight: Array  # (n_out, kernel height, kernel width, channels / groups), int8 in -127..127
    bias: Array  # (n_out,), int32; -zero_point_in * sum(weight) is already in it
    multiplier: Array  # (n_out,), int32
    shift: Array  # (n_out,), int32
    pre_shift: int
    weight_scale: Array  # (n_out,), float64
    acc_low: Array  # (n_out,), int64
    acc_high: Array  # (n_out,), int64
    stride: tuple[int, int]
    pad: tuple[int, int, int, int]  # cut off the output
    dilation: tuple[int, int]
    groups: int
    activation: str = ""


Convolution = QuantizedConv2d | QuantizedConvTranspose2d


def window_params(source: QuantParams, *, padded: bool) -> QuantParams:
    """Return the bytes that a window can hold: the input's, and its zero point as padding."""
    if not padded:
        return source
    low, high = min(source.low, source.zero_point), max(source.high, source.zero_point)
    return QuantParams(source.dtype, source.scale, source.zero_point, low, high)


def reads_padding(op: Convolution) -> bool:
    """Return whether a window can reach over the input's edge, or between its elements."""
    return isinstance(op, QuantizedConvTranspose2d) or any(op.pad)


def _check(op: Convolution, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(len(source.shape) == 3 and len(target.shape) == 3, "a wrong number of axes")
    require(op.weight.ndim == 4, "the weight has a wrong shape")
    n_out, kernel_h, kernel_w, per_group = op.weight.shape
    require_counts((*op.stride, *op.dilation), 1, "stride or dilation", MAX_REACH)
    require_counts((op.groups,), 1, "number of groups")
    require_counts(op.pad, 0, "padding", MAX_REACH)
    require(per_group * op.groups == source.shape[2], "a wrong number of channels")
    require(n_out % op.groups == 0 and target.shape[2] == n_out, "a wrong number of outputs")
    for i, kernel in enumerate((kernel_h, kernel_w)):
        reach = (kernel - 1) * op.dilation[i] + 1
        _check_axis(op, source.shape[i], target.shape[i], reach, i)
    require_array(op.weight, np.int8, op.weight.shape, "weight")
    require(int(op.weight.min()) >= -127, "the weight holds -128")
    for field, dtype in (
        ("bias", np.int32),
        ("weight_scale", np.float64),
        ("acc_low", np.int64),
        ("acc_high", np.int64),
    ):
        require_array(getattr(op, field), dtype, (n_out,), field)
    require_scaling(op.multiplier, op.shift, op.pre_shift, n_out)
    scales = np.isfinite(op.weight_scale).all() and (op.weight_scale > 0).all()
    require(scales, "weight_scale is not positive")
    _check_bounds(op, quant_of(source))
    quant_of(target)


def _check_axis(op: Convolution, size: int, result: int, reach: int, axis: int) -> None:
    stride, before, behind = op.stride[axis], op.pad[axis], op.pad[axis + 2]
    if isinstance(op, QuantizedConv2d):
        room = before + size + behind - reach
        require(room >= 0 and room // stride + 1 == result, "a wrong output size")
    else:
        # Output padding only adds rows that the last input elements may not reach.
        least = (size - 1) * stride - before - behind + reach
        require(least <= result < least + max(stride, op.dilation[axis]), "a wrong output size")


def _check_bounds(op: Convolution, source: QuantParams) -> None:
    window = window_params(source, padded=reads_padding(op))
    require_sums(op, window.low, window.high)
    weight, bias = op.weight.astype(np.int64).reshape(len(op.weight), -1), op.bias.astype(np.int64)
    # A kernel may start at the bias without zero points and add weight * (x - zero_point).
    base = bias + source.zero_point * weight.sum(axis=1)
    centered = weight * (window.low - source.zero_point), weight * (window.high - source.zero_point)
    lowest = base + np.minimum(*centered).sum(axis=1)  # zero is among the values of each product
    highest = base + np.maximum(*centered).sum(axis=1)
    require_int32(int(min(lowest.min(), base.min())), int(max(highest.max(), base.max())))


RECORDS = (
    Record(QuantizedConv2d, _check, one_an_output),
    Record(QuantizedConvTranspose2d, _check, one_an_output),
)
