"""Functions of one byte."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.table import QuantizedPRelu, QuantizedTable
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, quant_of, rounded_shift


def table(op: QuantizedTable, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a table."""
    entries = op.table.astype(np.float32)

    def run(x: Array) -> tuple[None, tuple[Array, ...]]:
        return None, (entries[x.astype(np.int64) % 256],)

    return run


def prelu(op: QuantizedPRelu, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a PReLU."""
    zero = quant_of(inputs[0]).zero_point
    slope = op.slope.astype(np.int64)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        centered = x.astype(np.int64).reshape(len(x), x.shape[1] // len(slope), len(slope)) - zero
        acc = (centered * np.where(centered < 0, slope, op.positive)).reshape(x.shape)
        return acc, (rounded_shift(acc, op.shift, outputs[0]),)

    return run
