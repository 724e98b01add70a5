"""Integer pooling and reductions (docs/arithmetic.md, "Pooling")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyexport.integer.base import (
    MAX_REACH,
    IntegerOp,
    Record,
    no_sums,
    one_an_output,
    quant_of,
    require,
    require_counts,
    require_int32,
    require_scaling,
    same_bytes,
)
from pyexport.ir import Array, QuantParams, Tensor


@dataclass(frozen=True, eq=False)
class QuantizedMaxPool2d(IntegerOp):
    """The largest byte of each window that lies in the input."""

    kind: ClassVar[str] = "quantized_max_pool2d"
    kernel: tuple[int, int]  # height, width
    stride: tuple[int, int]
    pad: tuple[int, int]  # top, left
    dilation: tuple[int, int]


@dataclass(frozen=True, eq=False)
class QuantizedAveragePool2d(IntegerOp):
    """acc = sum of (in - zero_point) over a window; the multiplier holds 1 / its divisor."""

    kind: ClassVar[str] = "quantized_average_pool2d"
    rows: Array  # (output height,), int32: a window's divisor is its row's number times
    columns: Array  # (output width,), int32: its column's number
    divisors: Array  # (n,), int32: all products that occur, rising
    multiplier: Array  # (n,), int32: of the divisor of the same place
    shift: Array  # (n,), int32
    pre_shift: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]  # top, left


@dataclass(frozen=True, eq=False)
class QuantizedReduce(IntegerOp):
    """acc[o][i] = sum over k of (in[o][k][i] - zero_point); a mean's multiplier holds 1 / count."""

    kind: ClassVar[str] = "quantized_reduce"
    multiplier: Array  # (1,), int32
    shift: Array  # (1,), int32
    pre_shift: int
    outer: int
    count: int
    inner: int
    label: str = ""


@dataclass(frozen=True, eq=False)
class QuantizedReduceMax(IntegerOp):
    """out[o][i] = the largest in[o][k][i]."""

    kind: ClassVar[str] = "quantized_reduce_max"
    outer: int
    count: int
    inner: int


Pool = QuantizedMaxPool2d | QuantizedAveragePool2d


def inside(op: Pool, axis: int, out: int, size: int) -> range:
    """Return the taps of a window that lie in an input of this size."""
    dilation = op.dilation[axis] if isinstance(op, QuantizedMaxPool2d) else 1
    start = out * op.stride[axis] - op.pad[axis]
    first = -(-max(-start, 0) // dilation)
    end = min(op.kernel[axis], -(-(size - start) // dilation))
    return range(first, max(first, end))


def _check_windows(op: Pool, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(len(source.shape) == 3 and len(target.shape) == 3, "a wrong number of axes")
    require(source.shape[2] == target.shape[2], "a wrong number of channels")
    require_counts((*op.kernel, *op.stride), 1, "kernel or stride", MAX_REACH)
    require_counts(op.pad, 0, "padding", MAX_REACH)
    for axis in (0, 1):
        outs = range(target.shape[axis])
        filled = all(len(inside(op, axis, out, source.shape[axis])) for out in outs)
        require(filled, "a window lies outside its input")


def _check_max(op: QuantizedMaxPool2d, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    require_counts(op.dilation, 1, "dilation", MAX_REACH)
    _check_windows(op, inputs, outputs)
    same_bytes(inputs[0], outputs[0])


def _check_average(
    op: QuantizedAveragePool2d, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    _check_windows(op, inputs, outputs)
    height, width, _ = outputs[0].shape
    for numbers, count, kernel in (
        (op.rows, height, op.kernel[0]),
        (op.columns, width, op.kernel[1]),
    ):
        legal = numbers.dtype == np.int32 and numbers.shape == (count,)
        require(legal and numbers.min() >= 1 and numbers.max() <= kernel, "a wrong divisor")
    wanted = np.unique(np.outer(op.rows, op.columns))
    require(np.array_equal(op.divisors, wanted), "the divisors are not those of its windows")
    require(op.divisors.dtype == np.int32, "the divisors have a wrong type")
    require_scaling(op.multiplier, op.shift, op.pre_shift, len(op.divisors))
    _require_sum(op.kernel[0] * op.kernel[1], quant_of(inputs[0]), op.pre_shift)
    quant_of(outputs[0])


def _check_outline(
    op: QuantizedReduce | QuantizedReduceMax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    (source,), (target,) = inputs, outputs
    require_counts((op.outer, op.count, op.inner), 1, "size")
    require(op.outer * op.count * op.inner == source.size, "a wrong input size")
    require(op.outer * op.inner == target.size, "a wrong output size")


def _check_reduce(op: QuantizedReduce, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    _check_outline(op, inputs, outputs)
    require_scaling(op.multiplier, op.shift, op.pre_shift, 1)
    _require_sum(op.count, quant_of(inputs[0]), op.pre_shift)
    quant_of(outputs[0])


def _check_reduce_max(
    op: QuantizedReduceMax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    _check_outline(op, inputs, outputs)
    same_bytes(inputs[0], outputs[0])


def sum_bounds(count: int, source: QuantParams) -> tuple[int, int]:
    """Return the bounds of a sum of up to `count` bytes, each less the zero point."""
    low, high = source.low - source.zero_point, source.high - source.zero_point
    return min(count * low, low), max(count * high, high)


def _require_sum(count: int, source: QuantParams, pre_shift: int) -> None:
    low, high = sum_bounds(count, source)
    require_int32(min(low, 0) << pre_shift, max(high, 0) << pre_shift)
    # A kernel may start at -count * zero_point and add bytes.
    start = -count * source.zero_point
    require_int32(start + count * min(source.low, 0), start + count * max(source.high, 0))


RECORDS = (
    Record(QuantizedMaxPool2d, _check_max, no_sums),
    Record(QuantizedAveragePool2d, _check_average, one_an_output),
    Record(QuantizedReduce, _check_reduce, one_an_output),
    Record(QuantizedReduceMax, _check_reduce_max, no_sums),
)
