"""LSTM and GRU, made by hand: chains of layers that hand their states on, any legal curves."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from pyexport.integer.recurrent import (
    CURVE_ENTRIES,
    GRU_STATE,
    HIDDEN,
    MAX_CELL_BITS,
    QuantizedGru,
    QuantizedLstm,
    cell_params,
    sum_bounds,
)
from pyexport.ir import Array, QuantParams
from scripts.kernel_cases.bench import Bench, generator
from scripts.kernel_cases.draws import biases, pre_shift, weights


def lstm(random: Random, bench: Bench) -> None:
    """An LSTM, and often one behind it that goes on from its states."""
    cell_bits = random.choice([0, 3, 11, MAX_CELL_BITS, MAX_CELL_BITS])
    _chain(random, bench, QuantizedLstm, (HIDDEN, cell_params(cell_bits)), {"cell_bits": cell_bits})


def gru(random: Random, bench: Bench) -> None:
    """A GRU, and often one behind it that goes on from its state."""
    _chain(random, bench, QuantizedGru, (GRU_STATE,), {})


def _chain(
    random: Random,
    bench: Bench,
    kind: type[QuantizedLstm] | type[QuantizedGru],
    kept: tuple[QuantParams, ...],
    more: dict[str, int],
) -> None:
    n = random.randint(1, 4)
    curves = {"sigmoid": _curve(random, least=1), "tanh": _curve(random, least=0)}
    states: tuple[str, ...] = ()
    for part in range(random.choice([1, 2, 2])):
        steps, n_in = random.randint(1, 3), random.randint(1, 4)
        source = bench.source((steps, n_in))
        fields = _side(random, "x", kind.gates * n, n_in, bench.range_of(source))
        fields |= _side(random, "h", kind.gates * n, n, HIDDEN) | curves | more
        sequence = random.random() < 0.5
        op = kind(**fields, sequence=sequence, stateful=part > 0)
        quant = bench.range_of(source)
        ends = np.full((2, steps * n_in), quant.low)
        ends[1] = quant.high
        bench.wish(source, ends)
        made = bench.several(
            op,
            (source, *states),
            [((steps, n), HIDDEN)] * sequence + [((n,), HIDDEN), ((n,), kept[-1])],
        )
        states = made[-len(kept) :]
        for name in made[:-1]:
            bench.end(name)


def _side(random: Random, side: str, rows: int, size: int, source: QuantParams) -> dict[str, Any]:
    """Return weights and scaling of one product; most sums come to a few units of 2**-12."""
    weight = weights(random, rows, size)
    low, high = sum_bounds(weight, np.zeros(rows, np.int32), source)
    shift = pre_shift(random, max(-low, high, 1))
    ends = np.full(rows, low), np.full(rows, high)
    bias = biases(random, *ends, shift)
    largest = float(max(abs(int(bias.min())) - low, abs(int(bias.max())) + high, 1)) * 2.0**shift
    ratio = random.choice([0.25, 1.0, 4.0, 30.0]) * 4096.0 * 4 / largest
    shifts = np.full(rows, 1, np.int32)
    multipliers = np.full(rows, 0, np.int32)
    for row in range(rows):
        one = ratio * random.choice([0.3, 1.0])
        while shifts[row] < 30 and one * 2.0 ** (17 + shifts[row]) < 32767:
            shifts[row] += 1
        multipliers[row] = min(int(one * 2.0 ** (16 + shifts[row]) + 0.5), 32767)
        if random.random() < 0.1:
            multipliers[row] = random.choice([0, 1, 32767])
    return {
        f"weight_{side}": weight, f"bias_{side}": bias, f"multiplier_{side}": multipliers,
        f"shift_{side}": shifts, f"pre_shift_{side}": shift,
    }  # fmt: skip


def _curve(random: Random, least: int) -> Array:
    """Return a curve that never falls: the true one of tanh, a step, or any."""
    kind = random.choice(["true", "true", "step", "any"])
    if kind == "true":
        values = np.tanh(np.arange(CURVE_ENTRIES) / 32.0) * 32767
    elif kind == "step":
        values = np.where(np.arange(CURVE_ENTRIES) < random.randrange(CURVE_ENTRIES), 0, 32767)
    else:
        values = np.sort(generator(random).integers(0, 32768, CURVE_ENTRIES))
    return np.asarray(np.maximum(values, least), dtype=np.uint16)
