"""Integer products of two tensors' matrices (docs/arithmetic.md, "Matrix products")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyexport.integer.base import (
    IntegerOp,
    Record,
    one_an_output,
    quant_of,
    require,
    require_int32,
    require_scaling,
)
from pyexport.integer.elementwise import mul_bounds
from pyexport.ir import Array, Tensor

MAX_AXES = 6  # loops of the kernel


@dataclass(frozen=True, eq=False)
class QuantizedMatMul(IntegerOp):
    """acc = sum of (a - zero_point of a) * (b - zero_point of b), brought to the output's scale."""

    kind: ClassVar[str] = "quantized_matmul"
    multiplier: Array  # (1,), int32
    shift: Array  # (1,), int32
    pre_shift: int


def matmul_bounds(inputs: Sequence[Tensor]) -> tuple[int, int]:
    """Return the bounds of every sum, partial ones too: zero is among the values of a product."""
    low, high = mul_bounds(inputs)
    count = inputs[0].shape[-1]
    return count * min(low, 0), count * max(high, 0)


def _check(op: QuantizedMatMul, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (a, b), (target,) = inputs, outputs
    require(min(len(a.shape), len(b.shape)) >= 2, "an operand is no matrix")
    require(max(len(a.shape), len(b.shape)) <= MAX_AXES, "too many axes")
    require(a.shape[-1] == b.shape[-2], "shapes that do not fit each other")
    try:
        leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError("shapes that do not fit each other") from None
    require(target.shape == (*leading, a.shape[-2], b.shape[-1]), "a wrong output shape")
    require_scaling(op.multiplier, op.shift, op.pre_shift, 1)
    low, high = matmul_bounds(inputs)
    require_int32(low << op.pre_shift, high << op.pre_shift, f"a sum of {a.shape[-1]} products")
    quant_of(target)


RECORDS = (Record(QuantizedMatMul, _check, one_an_output),)
