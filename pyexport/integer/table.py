"""Functions of one byte: a table says what each becomes (docs/arithmetic.md, "Tables")."""

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
)
from pyexport.ir import Array, Tensor

TABLE_DTYPES: dict[str, type[np.uint8 | np.int8]] = {"u8": np.uint8, "s8": np.int8}


@dataclass(frozen=True, eq=False)
class QuantizedTable(IntegerOp):
    """out = table[in mod 256]: an activation, or another scale for the same values."""

    kind: ClassVar[str] = "quantized_table"
    table: Array  # (256,), of the output's type; entry k is for the byte with these eight bits
    label: str = ""


@dataclass(frozen=True, eq=False)
class QuantizedPRelu(IntegerOp):
    """acc = (in - zero_point) * (positive or slope[channel]); out = clamp(rounded + zero_point)."""

    kind: ClassVar[str] = "quantized_prelu"
    slope: Array  # (n,), int16: one an element of the last axis, for values below zero
    positive: int  # for the others, 0..2**15 - 1
    shift: int  # 1..30


def _check_table(op: QuantizedTable, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(source.size == target.size, "a wrong size")
    quant, _ = quant_of(target), quant_of(source)
    require_array(op.table, TABLE_DTYPES[quant.dtype], (256,), "table")
    least, greatest = int(op.table.min()), int(op.table.max())
    require(quant.low <= least and greatest <= quant.high, "the table leaves the output's limits")


def _check_prelu(op: QuantizedPRelu, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(source.shape == target.shape and len(source.shape) >= 1, "a wrong shape")
    require_array(op.slope, np.int16, (source.shape[-1],), "slope")
    require(type(op.positive) is int and 0 <= op.positive < 1 << 15, "a wrong slope")
    require(type(op.shift) is int and 1 <= op.shift <= 30, "a wrong shift")
    quant_of(source), quant_of(target)


RECORDS = (
    Record(QuantizedTable, _check_table, no_sums),
    Record(QuantizedPRelu, _check_prelu, one_an_output),
)
