"""Softmax, log-softmax, argmax and normalization, made by hand: any table, any legal number."""

from __future__ import annotations

from random import Random

import numpy as np

from pyexport.fixedpoint import INT32_MAX, round_shift_right
from pyexport.integer.normalize import QuantizedNormalize, largest_sum, normalized_params
from pyexport.integer.softmax import (
    MAX_ROW,
    QuantizedArgmax,
    QuantizedLogSoftmax,
    index_params,
    log_bounds,
)
from pyexport.ir import Array, QuantizedSoftmax
from pyexport.quantize.rules.softmax import SOFTMAX_OUTPUT, exponentials
from scripts.kernel_cases.bench import Bench, generator
from scripts.kernel_cases.sums import affine_of


def softmax(random: Random, bench: Bench) -> None:
    """A softmax of one row."""
    _softmax(random, bench, 1)


def softmax_rows(random: Random, bench: Bench) -> None:
    """A softmax of each of several rows."""
    _softmax(random, bench, random.randint(2, 5))


def _softmax(random: Random, bench: Bench, rows: int) -> None:
    n = _row(random, rows)
    source = bench.source((rows, n) if rows > 1 or random.random() < 0.5 else (n,))
    _ties(bench, source)
    op = QuantizedSoftmax(_terms(random))
    bench.end(bench.add(op, (source,), bench.tensor(source).shape, SOFTMAX_OUTPUT))


def log_softmax(random: Random, bench: Bench) -> None:
    """A log-softmax of any logarithms, octave and multiplier whose sums are proved to fit."""
    rows = random.randint(1, 4)
    source = bench.source((rows, _row(random, rows)))
    shift = random.choice([1, 8, 12, 16, 24, 30])
    multiplier = random.choice([0, 1, 700, 32767])
    octave = random.choice([0, 1, 1 << min(shift + 3, 23), 1 << 24])
    logs = generator(random).integers(0, 1 << random.randint(1, 28), 256).astype(np.int32)
    logs[:2] = 0, random.choice([0, 1, 1 << 28])
    op = QuantizedLogSoftmax(_terms(random), logs, multiplier, octave, shift)
    while log_bounds(op)[1] + (1 << (shift - 1)) > INT32_MAX:
        octave >>= 1
        op = QuantizedLogSoftmax(op.table, logs, multiplier, octave, shift)
    _ties(bench, source)
    bench.end(bench.add(op, (source,), bench.tensor(source).shape, bench.params()))


def argmax(random: Random, bench: Bench) -> None:
    """The first largest along the middle of three axes, up to the longest whose index is a byte."""
    outer, count, inner = random.randint(1, 3), random.randint(1, 9), random.randint(1, 3)
    if random.random() < 0.25:
        outer, count, inner = 1, 256, 1
    bench.end(_argmax(bench, outer, count, inner))


def wide_argmax(random: Random, bench: Bench) -> None:
    """An index of 16 bits, which nothing but the output takes."""
    bench.sole_output = _argmax(bench, 1, random.choice([257, 300, 1000]), random.randint(1, 2))


def _argmax(bench: Bench, outer: int, count: int, inner: int) -> str:
    source = bench.source((outer, count, inner))
    _ties(bench, source)
    op = QuantizedArgmax(outer, count, inner)
    return bench.add(op, (source,), (outer, inner), index_params(count))


def normalize(random: Random, bench: Bench) -> None:
    """A normalization with any legal shifts, and the affine map that alone may read it."""
    n = random.choice([1, 2, 3, 5, 16, 40, 300])
    rows = 1 if n > 40 else random.randint(1, 3)
    source = bench.source((rows, n))
    down = 0
    while round_shift_right(255 * n, down) >= 1 << 13:
        down += 1
    down = min(down + random.choice([0, 0, 1, 4]), 15)
    square = 0
    while largest_sum(n, down, square, 1) > INT32_MAX:
        square += 1
    square = min(square + random.choice([0, 0, 1, 5]), 15)
    room = INT32_MAX - largest_sum(n, down, square, 0)
    epsilon = random.choice([1, 1, 2, room, random.randint(1, room)])
    op = QuantizedNormalize(down, square, epsilon)
    quant, single = bench.range_of(source), np.full((2, rows, n), bench.range_of(source).low)
    single[0, :, 0] = quant.high
    single[1, :, n // 2 :] = quant.high
    bench.wish(source, single)
    made = bench.add(op, (source,), (rows, n), normalized_params(op, n))
    affine_of(random, bench, made, one_shift=random.random() < 0.5)


def _row(random: Random, rows: int) -> int:
    if random.random() < 0.2:
        return MAX_ROW if rows == 1 else 257 // rows
    return random.randint(1, 12)


def _terms(random: Random) -> Array:
    """Return a table of a softmax: of a scale, of equal terms, of any."""
    kind = random.choice(["scale", "scale", "flat", "any"])
    if kind == "scale":
        return exponentials(random.choice([1e-4, 0.02, 0.1, 1.0, 30.0]))
    terms = np.full(256, 32767, np.uint16)
    if kind == "any":
        terms[1:] = generator(random).integers(0, 32768, 255)
    return terms


def _ties(bench: Bench, source: str) -> None:
    """Ask for rows of equal values, and for rows where one stands out at either end."""
    quant, size = bench.range_of(source), bench.tensor(source).size
    rows = np.full((5, size), quant.low)
    rows[1] = quant.high
    rows[2, -1] = rows[3, 0] = quant.high
    rows[4, ::2] = quant.high
    bench.wish(source, rows)
