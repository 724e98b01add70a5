"""Softmax, log-softmax and argmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.softmax import QuantizedArgmax, QuantizedLogSoftmax, row_length
from pyexport.ir import Array, QuantizedSoftmax, Tensor
from pyexport.simulator.arrays.base import Evaluate, flat, rounded_shift


def softmax(op: QuantizedSoftmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a softmax along the last axis."""
    table, n = op.table.astype(np.int64), row_length(outputs[0])

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        terms, total, length = _terms(x, table, n)
        shift = np.maximum(length - 16, 0)
        normalized = (total + ((1 << shift) >> 1)) >> shift
        product = terms * (2**31 // normalized) + (1 << (shift + 22))
        return flat(total), (flat(np.minimum(product >> (shift + 23), 255)),)

    return run


def log_softmax(
    op: QuantizedLogSoftmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Evaluate:
    """Return the evaluation of a log-softmax along the last axis."""
    table, n = op.table.astype(np.int64), row_length(outputs[0])
    logs = op.logs.astype(np.int64)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        _, total, length = _terms(x, table, n)
        of_total = logs[(total >> (length - 9)) & 255] + op.octave * (length - 16)
        rows = x.astype(np.int64).reshape(len(x), x.shape[1] // n, n)
        acc = flat((rows - rows.max(axis=2, keepdims=True)) * op.multiplier - of_total)
        return acc, (rounded_shift(acc, op.shift, outputs[0]),)

    return run


def _terms(x: Array, table: Array, n: int) -> tuple[Array, Array, Array]:
    """Return the exponentials of each row, their sum, and its bit length."""
    rows = x.astype(np.int64).reshape(len(x), x.shape[1] // n, n)
    terms = table[rows.max(axis=2, keepdims=True) - rows]
    total = terms.sum(axis=2, keepdims=True)
    return terms, total, np.frexp(total.astype(np.float64))[1].astype(np.int64)


def argmax(op: QuantizedArgmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of an argmax along an axis."""

    def run(x: Array) -> tuple[None, tuple[Array, ...]]:
        lines = x.reshape(len(x), op.outer, op.count, op.inner)
        return None, (flat(np.argmax(lines, axis=2)),)

    return run
