"""What integer operators share: how they are stored, checked, and proved not to overflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from pyexport.fixedpoint import INT32_MAX, INT32_MIN, MAX_SHIFT, MULTIPLIER_BITS
from pyexport.ir import Array, Op, QuantParams, Tensor
from pyexport.operators.base import freeze

Check = Callable[[Any, Sequence[Tensor], Sequence[Tensor]], None]
TraceSize = Callable[[Any, Sequence[Tensor], Sequence[Tensor]], int]

MAX_REACH = 1 << 12  # of a kernel, stride, dilation or padding
NAMES = ("activation", "label")  # fields that only say what the user called something


class IntegerOp(Op):
    """Base of the integer operators of this package: their arrays are read-only."""

    def __post_init__(self) -> None:
        freeze(self, *array_fields(type(self)))


@dataclass(frozen=True)
class Record:
    """One operator of an export: how to check it against its tensors, and what it traces."""

    op: type[Op]
    check: Check  # (operator, inputs, outputs); raises ValueError for what PX1 does not define
    trace_size: TraceSize  # accumulators that a trace records


def array_fields(op: type[Op]) -> tuple[str, ...]:
    """Return the names of an operator's arrays, which an artifact stores as tensors."""
    return tuple(f.name for f in fields(op) if f.type == "Array")  # type: ignore[arg-type]


def number_fields(op: type[Op], *, names: bool) -> tuple[str, ...]:
    """Return the names of its other fields; `names` adds those that change no byte."""
    found = (f.name for f in fields(op) if f.type != "Array")  # type: ignore[arg-type]
    return tuple(name for name in found if names or name not in NAMES)


def require_sums(op: Any, low_value: int, high_value: int) -> None:
    """Require that an operator states the bounds of its final sums, and that none overflows.

    op has weight (outputs, ...), bias (outputs,), acc_low, acc_high and pre_shift; its inputs lie
    in low_value..high_value. Partial sums are bounded in any order.
    """
    bias = op.bias.astype(np.int64)
    weight = op.weight.astype(np.int64).reshape(len(bias), -1)
    ends = weight * low_value, weight * high_value
    least, greatest = np.minimum(*ends), np.maximum(*ends)
    low, high = bias + least.sum(axis=1), bias + greatest.sum(axis=1)
    stated = np.array_equal(low, op.acc_low) and np.array_equal(high, op.acc_high)
    require(stated, "the accumulator bounds are not those of its weights")
    partial_low = bias + np.minimum(least, 0).sum(axis=1)
    partial_high = bias + np.maximum(greatest, 0).sum(axis=1)
    require_int32(int(partial_low.min()), int(partial_high.max()))
    require_int32(int(low.min()) << op.pre_shift, int(high.max()) << op.pre_shift)


def one_an_output(op: Any, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Return the trace size of an operator with one final sum for each output element."""
    return outputs[0].size


def no_sums(op: Any, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Return the trace size of an operator that adds nothing up."""
    return 0


def quant_of(tensor: Tensor) -> QuantParams:
    """Return a tensor's bytes; raises ValueError for a tensor of any other numbers."""
    if tensor.quant is None or tensor.quant.dtype not in ("u8", "s8"):
        raise ValueError(f"{tensor.name} holds no bytes")
    return tensor.quant


def require(condition: object, problem: str) -> None:
    """Raise ValueError(problem) unless the condition holds."""
    if not condition:
        raise ValueError(problem)


def require_array(array: Array, dtype: type[np.generic], shape: tuple[int, ...], what: str) -> None:
    """Raise ValueError unless the array has this type and shape."""
    require(array.dtype == dtype and array.shape == shape, f"{what} has a wrong type or shape")


def require_scaling(multiplier: Array, shift: Array, pre_shift: int, count: int) -> None:
    """Raise ValueError unless these are `count` legal multipliers and shifts of q15x."""
    require_array(multiplier, np.int32, (count,), "multiplier")
    require_array(shift, np.int32, (count,), "shift")
    legal = multiplier.min() >= 0 and multiplier.max() < 1 << MULTIPLIER_BITS
    require(legal, f"a multiplier leaves {MULTIPLIER_BITS} bits")
    require(shift.min() >= 1 and shift.max() <= MAX_SHIFT, f"a shift leaves 1..{MAX_SHIFT}")
    require(type(pre_shift) is int and 0 <= pre_shift <= MAX_SHIFT, "a wrong pre_shift")


def require_int32(low: int, high: int, what: str = "a sum") -> None:
    """Raise ValueError unless low..high fits int32: the proof that a sum cannot overflow."""
    require(low >= INT32_MIN and high <= INT32_MAX, f"{what} can leave 32 bits")


def require_counts(values: Sequence[int], least: int, what: str, most: int = 1 << 24) -> None:
    """Raise ValueError unless all are Python integers in least..most."""
    require(all(type(v) is int and least <= v <= most for v in values), f"a wrong {what}")


def same_bytes(source: Tensor, target: Tensor) -> None:
    """Raise ValueError unless both tensors give every byte the same meaning and limits."""
    require(source.quant == target.quant, f"{target.name} has another scale than {source.name}")
