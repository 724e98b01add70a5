"""The definition of softmax, log-softmax and argmax."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.fixedpoint import clamp, round_shift_right
from pyexport.simulator.exact.base import Evaluated, Layer, Values


@dataclass(frozen=True)
class SoftmaxLayer(Layer):
    """Probabilities in 1/256 along the last axis, from a table of exp(-d * scale) in 1/32768."""

    table: list[int]  # 256 entries, d = steps below the largest input

    def rows(self, x: Values) -> list[Values]:
        """Return the values along the last axis, place by place."""
        n = self.outputs[0].shape[-1] if self.outputs[0].shape else 1
        return [x[i : i + n] for i in range(0, len(x), n)]


@dataclass(frozen=True)
class LogSoftmaxLayer(SoftmaxLayer):
    """acc = (in - largest) * multiplier - logs[mantissa] - octave * (length - 16)."""

    logs: list[int]
    multiplier: int
    octave: int
    shift: int


@dataclass(frozen=True)
class ArgmaxLayer(Layer):
    """out[o][i] = the least k with the largest in[o][k][i]."""

    outer: int
    count: int
    inner: int


def softmax(layer: SoftmaxLayer, x: Values) -> Evaluated:
    """Return the probabilities, and the sum of each row."""
    outputs: Values = []
    sums: Values = []
    for row in layer.rows(x):
        terms = [layer.table[max(row) - value] for value in row]
        total = sum(terms)
        # The sum is brought to 16 bits, so that its reciprocal and every product fit 32 bits.
        shift = max(0, total.bit_length() - 16)
        normalized = (total + ((1 << shift) >> 1)) >> shift
        reciprocal = 2**31 // normalized
        half = 1 << (shift + 22)
        sums.append(total)
        outputs += [min(255, (term * reciprocal + half) >> (shift + 23)) for term in terms]
    return Evaluated((outputs,), sums)


def log_softmax(layer: LogSoftmaxLayer, x: Values) -> Evaluated:
    """Return the logarithms of the probabilities, rounded once."""
    (target,) = layer.outputs
    sums: Values = []
    for row in layer.rows(x):
        total = sum(layer.table[max(row) - value] for value in row)
        length = total.bit_length()  # 15..24: the largest term alone has 15 bits
        mantissa = (total >> (length - 9)) & 255
        of_total = layer.logs[mantissa] + layer.octave * (length - 16)
        sums += [(value - max(row)) * layer.multiplier - of_total for value in row]
    outputs = [
        clamp(round_shift_right(acc, layer.shift) + target.zero_point, target.low, target.high)
        for acc in sums
    ]
    return Evaluated((outputs,), sums)


def argmax(layer: ArgmaxLayer, x: Values) -> Evaluated:
    """Return the index of the largest value; the lowest index wins a tie."""
    outputs: Values = []
    for o in range(layer.outer):
        for i in range(layer.inner):
            line = [x[(o * layer.count + k) * layer.inner + i] for k in range(layer.count)]
            outputs.append(line.index(max(line)))
    return Evaluated((outputs,), [])
