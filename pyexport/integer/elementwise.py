"""Integer arithmetic of two tensors (docs/arithmetic.md, "Two tensors")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyexport.integer.base import (
    IntegerOp,
    Record,
    no_sums,
    one_an_output,
    quant_of,
    require,
    require_array,
    require_int32,
    require_scaling,
)
from pyexport.integer.table import TABLE_DTYPES
from pyexport.ir import Array, Tensor


@dataclass(frozen=True, eq=False)
class QuantizedAdd(IntegerOp):
    """acc = a * multiplier_a + b * multiplier_b + offset, rounded once: a sum or a difference."""

    kind: ClassVar[str] = "quantized_add"
    multiplier_a: int  # -(2**15 - 1)..2**15 - 1
    multiplier_b: int
    offset: int  # -zero_point * multiplier of both
    shift: int  # 1..30
    label: str = ""
    activation: str = ""


@dataclass(frozen=True, eq=False)
class QuantizedMul(IntegerOp):
    """acc = (a - zero_point of a) * (b - zero_point of b), brought to the output's scale."""

    kind: ClassVar[str] = "quantized_mul"
    multiplier: Array  # (1,), int32
    shift: Array  # (1,), int32
    pre_shift: int
    activation: str = ""


@dataclass(frozen=True, eq=False)
class QuantizedConstant(IntegerOp):
    """Stored bytes."""

    kind: ClassVar[str] = "quantized_constant"
    value: Array  # (size,), of the output's type


def broadcast_strides(shape: Sequence[int], out: Sequence[int]) -> tuple[int, ...]:
    """Return what a step along each output axis adds to an operand's index: 0 where it repeats."""
    padded = (1,) * (len(out) - len(shape)) + tuple(shape)
    strides, step = [], 1
    for n in reversed(padded):
        strides.append(0 if n == 1 else step)
        step *= n
    return tuple(reversed(strides))


def add_bounds(op: QuantizedAdd, inputs: Sequence[Tensor]) -> tuple[int, int]:
    """Return the bounds of the final sum."""
    low = high = op.offset
    for tensor, multiplier in zip(inputs, (op.multiplier_a, op.multiplier_b), strict=True):
        ends = [multiplier * limit for limit in (quant_of(tensor).low, quant_of(tensor).high)]
        low, high = low + min(ends), high + max(ends)
    return low, high


def mul_bounds(inputs: Sequence[Tensor]) -> tuple[int, int]:
    """Return the bounds of the product."""
    ends = []
    for tensor in inputs:
        quant = quant_of(tensor)
        ends.append((quant.low - quant.zero_point, quant.high - quant.zero_point))
    products = [a * b for a in ends[0] for b in ends[1]]
    return min(products), max(products)


def _check_shapes(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    a, b = inputs
    (target,) = outputs
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError("shapes that do not fit each other") from None
    require(shape == target.shape, "a wrong output shape")


def _check_add(op: QuantizedAdd, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    _check_shapes(inputs, outputs)
    quant_of(outputs[0])
    numbers = (op.multiplier_a, op.multiplier_b, op.offset, op.shift)
    require(all(type(n) is int for n in numbers), "a number is not whole")
    require(max(map(abs, numbers[:2])) < 1 << 15, "a multiplier leaves 15 bits")
    require(1 <= op.shift <= 30, "the shift leaves 1..30")
    zero_points = [quant_of(tensor).zero_point for tensor in inputs]
    wanted = -(zero_points[0] * op.multiplier_a + zero_points[1] * op.multiplier_b)
    require(op.offset == wanted, "the offset is not that of the zero points")
    low, high = add_bounds(op, inputs)
    require_int32(low, high + (1 << (op.shift - 1)))
    largest = max(abs(q) for t in inputs for q in (quant_of(t).low, quant_of(t).high))
    require_int32(0, 2 * largest * (1 << 15) + abs(op.offset))  # every partial sum


def _check_mul(op: QuantizedMul, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    _check_shapes(inputs, outputs)
    quant_of(outputs[0])
    require_scaling(op.multiplier, op.shift, op.pre_shift, 1)
    low, high = mul_bounds(inputs)
    require_int32(low << op.pre_shift, high << op.pre_shift)


def _check_constant(
    op: QuantizedConstant, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    (target,) = outputs
    quant = quant_of(target)
    require(not inputs, "it reads nothing")
    require_array(op.value, TABLE_DTYPES[quant.dtype], (target.size,), "value")
    legal = quant.low <= int(op.value.min()) and int(op.value.max()) <= quant.high
    require(legal, "a value leaves the limits")


RECORDS = (
    Record(QuantizedAdd, _check_add, one_an_output),
    Record(QuantizedMul, _check_mul, one_an_output),
    Record(QuantizedConstant, _check_constant, no_sums),
)
