"""Integer softmax, log-softmax and argmax (docs/arithmetic.md, "Softmax")."""

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
    require_counts,
    require_int32,
)
from pyexport.ir import Array, QuantizedSoftmax, QuantParams, Tensor

MAX_ROW = 512  # the sum of 15-bit terms must be normalized by at most 8 bits
MAX_INDEX = 1 << 16  # an index has 16 bits


@dataclass(frozen=True, eq=False)
class QuantizedLogSoftmax(IntegerOp):
    """acc = (in - largest) * multiplier - logs[mantissa] - octave * (length - 16), see the page."""

    kind: ClassVar[str] = "quantized_log_softmax"
    table: Array  # (256,), uint16: as of a softmax
    logs: Array  # (256,), int32: log(1 + (m + 1/2) / 256) in output units * 2**shift
    multiplier: int  # 0..2**15 - 1
    octave: int  # log(2) in output units * 2**shift
    shift: int  # 1..30


@dataclass(frozen=True, eq=False)
class QuantizedArgmax(IntegerOp):
    """out[o][i] = the least k with the largest in[o][k][i]."""

    kind: ClassVar[str] = "quantized_argmax"
    outer: int
    count: int
    inner: int


def index_params(count: int) -> QuantParams:
    """Return the numbers of an index among `count`: 16 bits wide only where a byte is too small."""
    return QuantParams("u8" if count <= 256 else "u16", 1.0, 0, 0, count - 1)


def row_length(tensor: Tensor) -> int:
    """Return the elements that a softmax sums over: the last axis."""
    return tensor.shape[-1] if tensor.shape else 1


def _one_a_row(op: object, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    return outputs[0].size // row_length(outputs[0])


def _check_table(table: Array, source: Tensor, target: Tensor) -> None:
    require_array(table, np.uint16, (256,), "table")
    legal = table[0] == 32767 and int(table.max()) <= 32767
    require(legal, "the table is not that of a softmax")
    require(source.size == target.size and row_length(target) <= MAX_ROW, "a wrong size")
    quant_of(source)


def _check_softmax(
    op: QuantizedSoftmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    (source,), (target,) = inputs, outputs
    _check_table(op.table, source, target)
    require(target.dtype == "u8", "its output is not u8")


def _check_log(
    op: QuantizedLogSoftmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    (source,), (target,) = inputs, outputs
    _check_table(op.table, source, target)
    quant_of(target)
    require_array(op.logs, np.int32, (256,), "logs")
    require_counts((op.multiplier, op.octave), 0, "multiplier or octave")
    require(op.multiplier < 1 << 15 and type(op.shift) is int, "a multiplier leaves 15 bits")
    require(1 <= op.shift <= 30 and int(op.logs.min()) >= 0, "a wrong shift or logarithm")
    low, high = log_bounds(op)
    require_int32(low, high + (1 << (op.shift - 1)))


def log_bounds(op: QuantizedLogSoftmax) -> tuple[int, int]:
    """Return the bounds of the final sums; the total has 15 to 24 bits."""
    return -255 * op.multiplier - int(op.logs.max()) - 8 * op.octave, op.octave


def _check_argmax(op: QuantizedArgmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require_counts((op.outer, op.count, op.inner), 1, "size")
    require(op.outer * op.count * op.inner == source.size, "a wrong input size")
    require(op.outer * op.inner == target.size and op.count <= MAX_INDEX, "a wrong size")
    require(target.quant == index_params(op.count), "its output is not an index")
    quant_of(source)


RECORDS = (
    Record(QuantizedSoftmax, _check_softmax, _one_a_row),
    Record(QuantizedLogSoftmax, _check_log, one_an_output),
    Record(QuantizedArgmax, _check_argmax, no_sums),
)
