"""Layer normalization."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.normalize import QuantizedNormalize, half_up
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, flat, quant_of


def normalize(
    op: QuantizedNormalize, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Evaluate:
    """Return the evaluation of a normalization along the last axis."""
    n = outputs[0].shape[-1]
    quant = quant_of(outputs[0])

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        rows = x.astype(np.int64).reshape(len(x), x.shape[1] // n, n)
        deviations = _rounded(n * rows - rows.sum(axis=2, keepdims=True), op.down)
        squares = (deviations * deviations >> op.square).sum(axis=2, keepdims=True) + op.epsilon
        length = np.frexp(squares.astype(np.float64))[1].astype(np.int64)
        pairs = (32 - length) // 2
        root = np.floor(np.sqrt((squares << (2 * pairs)).astype(np.float64))).astype(np.int64)
        y = _rounded(deviations * (2**31 // root), 17 + half_up(op.square) - pairs)
        return flat(squares), (flat(np.clip(y, quant.low, quant.high)),)

    return run


def _rounded(value: Array, shift: Array | int) -> Array:
    half = np.where(np.asarray(shift) > 0, 1 << np.maximum(np.asarray(shift) - 1, 0), 0)
    return np.asarray((value + half) >> shift)
