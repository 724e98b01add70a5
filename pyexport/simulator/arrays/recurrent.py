"""LSTM and GRU for many rows at once, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.recurrent import QuantizedGru, QuantizedLstm, Recurrent
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, factors, flat

LIMIT = 32767


def recurrent(op: Recurrent, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of an LSTM or GRU."""
    steps, width = inputs[0].shape

    def run(x: Array, *states: Array) -> tuple[Array, tuple[Array, ...]]:
        rows = x.astype(np.int64).reshape(len(x), steps, width)
        zeros = np.zeros((len(x), op.size), dtype=np.int64)
        kept = [s.astype(np.int64) for s in states] if op.stateful else [zeros, zeros]
        h = kept[0] if isinstance(op, QuantizedLstm) else _byte(kept[0])
        state = kept[-1]
        sums, every = [], []
        for step in range(steps):
            of_x, of_h, traced = _rows(op, rows[:, step], h)
            if isinstance(op, QuantizedLstm):
                h, state = _lstm(op, of_x + of_h, state)
            else:
                assert isinstance(op, QuantizedGru)  # the registry asks for no other
                state = _gru(op, of_x, of_h, state)
                h = _byte(state)
            sums.append(traced)
            every.append(h)
        last = (h, state)
        return flat(np.stack(sums, 1)), (flat(np.stack(every, 1)), *last) if op.sequence else last

    return run


def _rows(op: Recurrent, x: Array, h: Array) -> tuple[Array, Array, Array]:
    """Return both sums of every row in 2**-12, and as the trace has them."""
    scaled, traced = [], []
    for side, values in (("x", x), ("h", h)):
        weight = getattr(op, f"weight_{side}").T.astype(np.float64)  # exact: below 2**53
        acc = values.astype(np.float64) @ weight + getattr(op, f"bias_{side}")
        multiplier, shift = getattr(op, f"multiplier_{side}"), getattr(op, f"shift_{side}")
        factor = factors(multiplier, shift, getattr(op, f"pre_shift_{side}"))
        scaled.append(np.floor(acc * factor + 0.5).astype(np.int64))
        traced.append(acc)
    return scaled[0], scaled[1], np.stack(traced, axis=2)


def _lstm(op: QuantizedLstm, gates: Array, cell: Array) -> tuple[Array, Array]:
    i, f, g, o = np.split(gates, 4, axis=1)
    kept = _sigmoid(op, f) * cell
    kept = kept + _rounded(_sigmoid(op, i) * _tanh(op, g), 15 - op.cell_bits)
    cell = np.clip(_rounded(kept, 15), -LIMIT, LIMIT)
    curve = _tanh(op, cell << (12 - op.cell_bits))
    return np.clip(_rounded(_sigmoid(op, o) * curve, 23), -127, 127), cell


def _gru(op: QuantizedGru, of_x: Array, of_h: Array, state: Array) -> Array:
    (r, z, m_x), (r_h, z_h, m_h) = np.split(of_x, 3, axis=1), np.split(of_h, 3, axis=1)
    r, z = _sigmoid(op, r + r_h), _sigmoid(op, z + z_h)
    m_x, m_h = np.clip(m_x, -LIMIT, LIMIT), np.clip(m_h, -LIMIT, LIMIT)
    m = _tanh(op, m_x + _rounded(r * m_h, 15))
    return np.asarray(np.clip(_rounded((32768 - z) * m + z * state, 15), -LIMIT, LIMIT))


def _byte(state: Array) -> Array:
    return np.asarray(np.clip(_rounded(state, 8), -127, 127))


def _rounded(value: Array, shift: int) -> Array:
    return np.asarray((value + (1 << (shift - 1))) >> shift)


def _sigmoid(op: Recurrent, value: Array) -> Array:
    y = _between(op.sigmoid, value)
    return np.where(value < 0, 32768 - y, y)


def _tanh(op: Recurrent, value: Array) -> Array:
    y = _between(op.tanh, value)
    return np.where(value < 0, -y, y)


def _between(table: Array, value: Array) -> Array:
    """Return the line between the entries on both sides of the magnitude, halves up."""
    entries = table.astype(np.int64)
    magnitude = np.minimum(np.abs(value), LIMIT)
    at, rest = magnitude >> 7, magnitude & 127
    return np.asarray(entries[at] + (((entries[at + 1] - entries[at]) * rest + 64) >> 7))
