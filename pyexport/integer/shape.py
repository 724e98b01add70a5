"""Integer operators that only move bytes: each output byte is some input byte, or the padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pyexport.integer.base import (
    IntegerOp,
    Record,
    no_sums,
    quant_of,
    require,
    require_counts,
    same_bytes,
)
from pyexport.ir import Tensor


@dataclass(frozen=True, eq=False)
class QuantizedGather(IntegerOp):
    """out[i][j].. = in[offset + i * strides[0] + j * strides[1] + ..]: permute, slice, enlarge."""

    kind: ClassVar[str] = "quantized_gather"
    sizes: tuple[int, ...]  # of the output, in any grouping of its axes
    strides: tuple[int, ...]  # one a size; 0 repeats
    offset: int
    label: str = ""  # what the user called it


@dataclass(frozen=True, eq=False)
class QuantizedConcat(IntegerOp):
    """The inputs one after the other along an axis; all have the same scale."""

    kind: ClassVar[str] = "quantized_concat"
    axis: int


@dataclass(frozen=True, eq=False)
class QuantizedPad(IntegerOp):
    """The input with one byte around it."""

    kind: ClassVar[str] = "quantized_pad"
    pads: tuple[tuple[int, int], ...]  # before and after, for every axis
    value: int  # the byte


def _check_gather(op: QuantizedGather, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    same_bytes(source, target)
    require(len(op.sizes) == len(op.strides), "sizes and strides differ in number")
    require_counts(op.sizes, 1, "size")
    require(all(type(n) is int for n in (*op.strides, op.offset)), "a wrong stride")
    require(math.prod(op.sizes) == target.size, "a wrong output size")
    reach = [(n - 1) * stride for n, stride in zip(op.sizes, op.strides, strict=True)]
    least = op.offset + sum(min(r, 0) for r in reach)
    greatest = op.offset + sum(max(r, 0) for r in reach)
    require(least >= 0 and greatest < source.size, "it reads outside its input")


def _check_concat(op: QuantizedConcat, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (target,) = outputs
    require(type(op.axis) is int and 0 <= op.axis < len(target.shape), "a wrong axis")
    require(len(inputs) >= 1, "it has no input")
    for source in inputs:
        same_bytes(source, target)
        require(len(source.shape) == len(target.shape), "a wrong number of axes")
        others = [
            (n, m)
            for axis, (n, m) in enumerate(zip(source.shape, target.shape, strict=True))
            if axis != op.axis
        ]
        require(all(n == m for n, m in others), "the other axes differ")
    total = sum(source.shape[op.axis] for source in inputs)
    require(total == target.shape[op.axis], "a wrong output size")


def _check_pad(op: QuantizedPad, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    quant = quant_of(target)
    same_bytes(source, target)
    require(len(op.pads) == len(source.shape) == len(target.shape), "a wrong number of axes")
    for (before, behind), n, m in zip(op.pads, source.shape, target.shape, strict=True):
        require_counts((before, behind), 0, "padding")
        require(before + n + behind == m, "a wrong output size")
    require(type(op.value) is int and quant.low <= op.value <= quant.high, "a wrong padding")


RECORDS = (
    Record(QuantizedGather, _check_gather, no_sums),
    Record(QuantizedConcat, _check_concat, no_sums),
    Record(QuantizedPad, _check_pad, no_sums),
)
