"""Integer layer normalization without its weights (docs/arithmetic.md, "Layer normalization")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pyexport.fixedpoint import round_shift_right
from pyexport.integer.base import (
    IntegerOp,
    Record,
    quant_of,
    require,
    require_counts,
    require_int32,
)
from pyexport.ir import QuantParams, Tensor

MAX_ROW = 4096
LIMIT = 16640  # of the magnitude of a normalized value: 2**14, and what roundings add


@dataclass(frozen=True, eq=False)
class QuantizedNormalize(IntegerOp):
    """Each row (last axis) less its mean, by its standard deviation; see the page."""

    kind: ClassVar[str] = "quantized_normalize"
    down: int  # right shift of a deviation, which then has 13 bits
    square: int  # right shift of its square
    epsilon: int  # 1 or more, in the unit of the sum of squares


def normalized_params(op: QuantizedNormalize, n: int) -> QuantParams:
    """Return the 16-bit numbers of the output: one unit is sqrt(n / 2**square) / 2**(14 - half)."""
    unit = (n / 2.0**op.square) ** 0.5 * 2.0 ** (half_up(op.square) - 14)
    return QuantParams("s16", unit, 0, -LIMIT, LIMIT)


def half_up(square: int) -> int:
    """Return half of a shift, rounded up."""
    return (square + 1) // 2


def largest_sum(n: int, down: int, square: int, epsilon: int) -> int:
    """Return the bound of a row's sum of squares."""
    largest = round_shift_right(255 * n, down)
    return n * (largest * largest >> square) + epsilon


def _check(op: QuantizedNormalize, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(source.shape == target.shape != (), "a wrong shape")
    n = source.shape[-1]
    require(n <= MAX_ROW, "too long a row")
    require_counts((op.down, op.square), 0, "shift", 15)
    require_counts((op.epsilon,), 1, "epsilon", 1 << 31)
    require(round_shift_right(255 * n, op.down) < 1 << 13, "a deviation leaves 13 bits")
    require_int32(0, largest_sum(n, op.down, op.square, op.epsilon), "a sum of squares")
    quant_of(source)
    require(target.quant == normalized_params(op, n), "a wrong output scale")


def _one_a_row(op: object, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    return outputs[0].size // outputs[0].shape[-1]


RECORDS = (Record(QuantizedNormalize, _check, _one_a_row),)
