"""The definition of LSTM and GRU: gates in 2**-12, curves and states in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.fixedpoint import clamp, requantize_q15x, round_shift_right
from pyexport.simulator.exact.base import Evaluated, Layer, Values

LIMIT = 32767


@dataclass(frozen=True)
class RecurrentLayer(Layer):
    """What LSTM and GRU share: a row of gates has a sum over the input and one over h."""

    weight_x: list[list[int]]  # [gate * n + unit][input]
    bias_x: list[int]
    multiplier_x: list[int]
    shift_x: list[int]
    weight_h: list[list[int]]  # [gate * n + unit][hidden value]
    bias_h: list[int]
    multiplier_h: list[int]
    shift_h: list[int]
    sigmoid: list[int]  # 257 entries over 0..8, in 2**-15
    tanh: list[int]
    pre_shift_x: int
    pre_shift_h: int
    sequence: bool
    stateful: bool

    @property
    def size(self) -> int:
        """Number of hidden values."""
        return len(self.weight_h[0])

    def row(self, row: int, x: Values, h: Values, sums: Values) -> tuple[int, int]:
        """Return a row's two sums in 2**-12, and add them to the trace as they were before."""
        of_x, of_h = self.bias_x[row], self.bias_h[row]
        for weight, value in zip(self.weight_x[row], x, strict=True):
            of_x += weight * value
        for weight, value in zip(self.weight_h[row], h, strict=True):
            of_h += weight * value
        sums += [of_x, of_h]
        return (
            requantize_q15x(of_x, self.multiplier_x[row], self.shift_x[row], self.pre_shift_x),
            requantize_q15x(of_h, self.multiplier_h[row], self.shift_h[row], self.pre_shift_h),
        )

    def sigmoid_of(self, value: int) -> int:
        """Return sigmoid of a value in 2**-12, 1..32767 in 2**-15."""
        value = limited(value)
        return 32768 - between(self.sigmoid, -value) if value < 0 else between(self.sigmoid, value)

    def tanh_of(self, value: int) -> int:
        """Return tanh of a value in 2**-12, in 2**-15."""
        value = limited(value)
        return -between(self.tanh, -value) if value < 0 else between(self.tanh, value)


@dataclass(frozen=True)
class LstmLayer(RecurrentLayer):
    """The cell is in 2**-cell_bits."""

    cell_bits: int


@dataclass(frozen=True)
class GruLayer(RecurrentLayer):
    """The state is the hidden values in 2**-15; a byte of it is h."""


def limited(value: int) -> int:
    """Return the 16-bit number nearest to value, -32768 left out."""
    return clamp(value, -LIMIT, LIMIT)


def between(table: list[int], value: int) -> int:
    """Return the line between two entries, for 0..32767: an entry every 128, halves up."""
    at, rest = value >> 7, value & 127
    return table[at] + (((table[at + 1] - table[at]) * rest + 64) >> 7)


def lstm(layer: LstmLayer, x: Values, *states: Values) -> Evaluated:
    """Return every h if asked for, the last h and the last cell."""
    n = layer.size
    h, c = (list(s) for s in states) if layer.stateful else ([0] * n, [0] * n)
    sums: Values = []
    every: Values = []
    for inputs in _steps(layer, x):
        rows = [sum(layer.row(row, inputs, h, sums)) for row in range(4 * n)]
        for unit in range(n):
            i = layer.sigmoid_of(rows[unit])
            f = layer.sigmoid_of(rows[n + unit])
            g = layer.tanh_of(rows[2 * n + unit])
            o = layer.sigmoid_of(rows[3 * n + unit])
            kept = f * c[unit] + round_shift_right(i * g, 15 - layer.cell_bits)
            c[unit] = limited(round_shift_right(kept, 15))
            curve = layer.tanh_of(c[unit] << (12 - layer.cell_bits))
            h[unit] = clamp(round_shift_right(o * curve, 23), -127, 127)
        every += h
    return Evaluated((every, h, c) if layer.sequence else (h, c), sums)


def gru(layer: GruLayer, x: Values, *states: Values) -> Evaluated:
    """Return every h if asked for, the last h and the state."""
    n = layer.size
    state = list(states[0]) if layer.stateful else [0] * n
    h = [_byte(value) for value in state]
    sums: Values = []
    every: Values = []
    for inputs in _steps(layer, x):
        rows = [layer.row(row, inputs, h, sums) for row in range(3 * n)]
        for unit in range(n):
            r = layer.sigmoid_of(sum(rows[unit]))
            z = layer.sigmoid_of(sum(rows[n + unit]))
            of_x, of_h = rows[2 * n + unit]
            m = layer.tanh_of(limited(of_x) + round_shift_right(r * limited(of_h), 15))
            mean = (32768 - z) * m + z * state[unit]
            state[unit] = limited(round_shift_right(mean, 15))
            h[unit] = _byte(state[unit])
        every += h
    return Evaluated((every, h, state) if layer.sequence else (h, state), sums)


def _byte(state: int) -> int:
    return clamp(round_shift_right(state, 8), -127, 127)


def _steps(layer: RecurrentLayer, x: Values) -> list[Values]:
    steps, width = layer.inputs[0].shape
    return [x[t * width : (t + 1) * width] for t in range(steps)]
