"""Integer LSTM and GRU over a sequence (docs/arithmetic.md, "Recurrent layers")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyexport.integer.base import (
    IntegerOp,
    Record,
    quant_of,
    require,
    require_array,
    require_int32,
    require_scaling,
)
from pyexport.ir import Array, QuantParams, Tensor

GATE_BITS = 12  # what a gate's sum is worth before its curve: 2**-12
HIDDEN = QuantParams("s8", 1 / 128, 0, -127, 127)
GRU_STATE = QuantParams("s16", 2.0**-15, 0, -32767, 32767)
CURVE_ENTRIES = 257  # of sigmoid and tanh over 0..8, in 2**-15
MAX_CELL_BITS = 12


def cell_params(cell_bits: int) -> QuantParams:
    """Return the integers of an LSTM's cell: one unit is worth 2**-cell_bits."""
    return QuantParams("s16", 2.0**-cell_bits, 0, -32767, 32767)


@dataclass(frozen=True, eq=False)
class Recurrent(IntegerOp):
    """What LSTM and GRU share: two sums for each row of gates, and the two curves."""

    weight_x: Array  # (gates * n, n_in), int8 in -127..127: of the input
    bias_x: Array  # (gates * n,), int32
    multiplier_x: Array  # (gates * n,), int32: to 2**-GATE_BITS
    shift_x: Array  # (gates * n,), int32
    weight_h: Array  # (gates * n, n), int8: of the hidden values
    bias_h: Array  # (gates * n,), int32
    multiplier_h: Array  # (gates * n,), int32
    shift_h: Array  # (gates * n,), int32
    sigmoid: Array  # (257,), uint16 in 2**-15: sigmoid(k / 32)
    tanh: Array  # (257,), uint16: tanh(k / 32)
    pre_shift_x: int
    pre_shift_h: int
    sequence: bool  # whether the hidden values of every step are an output
    stateful: bool  # whether the state before the first step is an input; otherwise it is 0

    gates: ClassVar[int]

    @property
    def size(self) -> int:
        """Number of hidden values n."""
        return int(self.weight_h.shape[1])


@dataclass(frozen=True, eq=False)
class QuantizedLstm(Recurrent):
    """Inputs x, and h, c if stateful; outputs every h if sequence, the last h, the last c."""

    kind: ClassVar[str] = "quantized_lstm"
    gates: ClassVar[int] = 4  # input, forget, cell, output
    cell_bits: int = MAX_CELL_BITS


@dataclass(frozen=True, eq=False)
class QuantizedGru(Recurrent):
    """Inputs x, and the state if stateful; outputs every h if sequence, the last h, the state."""

    kind: ClassVar[str] = "quantized_gru"
    gates: ClassVar[int] = 3  # reset, update, new


def sum_bounds(weight: Array, bias: Array, source: QuantParams) -> tuple[int, int]:
    """Return the least and greatest value of any partial sum, in any order of the inputs."""
    w, b = weight.astype(np.int64), bias.astype(np.int64)
    ends = w * source.low, w * source.high
    low = b + np.minimum(np.minimum(*ends), 0).sum(axis=1)
    high = b + np.maximum(np.maximum(*ends), 0).sum(axis=1)
    return int(low.min()), int(high.max())


def _check(op: Recurrent, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    n, rows = op.size, op.gates * op.size
    x = inputs[0]
    require(len(x.shape) == 2 and n >= 1, "a wrong number of axes")
    require_array(op.weight_x, np.int8, (rows, x.shape[1]), "weight_x")
    require_array(op.weight_h, np.int8, (rows, n), "weight_h")
    for side, source in (("x", quant_of(x)), ("h", HIDDEN)):
        weight, bias = getattr(op, f"weight_{side}"), getattr(op, f"bias_{side}")
        pre_shift = getattr(op, f"pre_shift_{side}")
        require(int(weight.min()) >= -127, "a weight is -128")
        require_array(bias, np.int32, (rows,), f"bias_{side}")
        multiplier, shift = getattr(op, f"multiplier_{side}"), getattr(op, f"shift_{side}")
        require_scaling(multiplier, shift, pre_shift, rows)
        low, high = sum_bounds(weight, bias, source)
        require_int32(low << pre_shift, high << pre_shift)
    for name in ("sigmoid", "tanh"):
        curve = getattr(op, name)
        require_array(curve, np.uint16, (CURVE_ENTRIES,), name)
        require(int(curve.max()) <= 32767 and (np.diff(curve.astype(int)) >= 0).all(), name)
    require(int(op.sigmoid.min()) >= 1, "sigmoid")
    require(type(op.sequence) is bool and type(op.stateful) is bool, "a wrong flag")
    _check_ports(op, inputs[1:], outputs, x.shape[0])


def _check_ports(
    op: Recurrent, states: Sequence[Tensor], outputs: Sequence[Tensor], steps: int
) -> None:
    n = op.size
    kept: tuple[QuantParams, ...] = (GRU_STATE,)
    if isinstance(op, QuantizedLstm):
        require(type(op.cell_bits) is int and 0 <= op.cell_bits <= MAX_CELL_BITS, "cell_bits")
        kept = (HIDDEN, cell_params(op.cell_bits))
    wanted = [((n,), params) for params in kept] if op.stateful else []
    require([(t.shape, t.quant) for t in states] == wanted, "wrong states")
    last: list[tuple[tuple[int, ...], QuantParams]] = [((n,), HIDDEN), ((n,), kept[-1])]
    made = [((steps, n), HIDDEN), *last] if op.sequence else last
    require([(t.shape, t.quant) for t in outputs] == made, "wrong outputs")


def _traced(op: Recurrent, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Return two sums for each row of gates and step: of the input, and of the hidden values."""
    return 2 * inputs[0].shape[0] * len(op.bias_x)


RECORDS = (
    Record(QuantizedLstm, _check, _traced),
    Record(QuantizedGru, _check, _traced),
)
