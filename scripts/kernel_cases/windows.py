"""Poolings and reductions, made by hand: divisors and scalings that no float model asks for."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from pyexport.integer.pool import (
    QuantizedAveragePool2d,
    QuantizedMaxPool2d,
    QuantizedReduce,
    QuantizedReduceMax,
    sum_bounds,
)
from pyexport.ir import QuantParams
from scripts.kernel_cases.bench import Bench, generator
from scripts.kernel_cases.draws import Scaling, pre_shift, scaling


def max_pool(random: Random, bench: Bench) -> None:
    """A max pooling with gaps, padding on any side and windows that reach over the end."""
    size = [random.randint(1, 6), random.randint(1, 7)]
    kernel, stride = _pair(random, 4), _pair(random, 4)
    op = QuantizedMaxPool2d(kernel, stride, _padding(random, kernel), _pair(random, 3))
    made = _filled(op, size)
    channels = random.choice([1, 2, 3, 5])
    source = bench.source((size[0], size[1], channels))
    bench.end(bench.add(op, (source,), (*made, channels), bench.range_of(source)))


def average_pool(random: Random, bench: Bench) -> None:
    """An average pooling; a window's divisor may be anything up to its size."""
    size = [random.randint(1, 6), random.randint(1, 7)]
    kernel, stride = _pair(random, 4), _pair(random, 4)
    pad = _padding(random, kernel)
    made = _filled(QuantizedMaxPool2d(kernel, stride, pad, (1, 1)), size)
    channels = random.choice([1, 2, 3, 5])
    source = bench.source((size[0], size[1], channels))
    draws = generator(random)
    same = random.random() < 0.4
    rows, columns = (
        np.full(n, k, np.int32) if same else draws.integers(1, k + 1, n).astype(np.int32)
        for n, k in zip(made, kernel, strict=True)
    )
    divisors = np.unique(np.outer(rows, columns)).astype(np.int32)
    scale = _scaling(random, math.prod(kernel), len(divisors), bench.range_of(source))
    op = QuantizedAveragePool2d(
        rows, columns, divisors, scale.multiplier, scale.shift, scale.pre_shift,
        kernel, stride, pad,
    )  # fmt: skip
    bench.end(bench.add(op, (source,), (*made, channels), bench.params()))


def reduce(random: Random, bench: Bench) -> None:
    """A sum or mean over the middle of three axes."""
    outer, count, inner = _outline(random)
    source = bench.source((outer, count, inner))
    scale = _scaling(random, count, 1, bench.range_of(source))
    op = QuantizedReduce(scale.multiplier, scale.shift, scale.pre_shift, outer, count, inner)
    bench.end(bench.add(op, (source,), (outer, inner), bench.params()))


def reduce_max(random: Random, bench: Bench) -> None:
    """A maximum over the middle of three axes."""
    outer, count, inner = _outline(random)
    source = bench.source((outer, count, inner))
    quant = bench.range_of(source)
    bench.end(bench.add(QuantizedReduceMax(outer, count, inner), (source,), (outer, inner), quant))


def _outline(random: Random) -> tuple[int, int, int]:
    if random.random() < 0.15:
        return random.choice([(1, 300, 1), (300, 1, 1), (1, 1, 300), (1, 2, 150), (130, 2, 1)])
    return random.randint(1, 4), random.randint(1, 9), random.randint(1, 4)


def _scaling(random: Random, count: int, scales: int, source: QuantParams) -> Scaling:
    low, high = sum_bounds(count, source)
    ends = np.full(scales, low), np.full(scales, high)
    shift = pre_shift(random, max(abs(low), abs(high), 1))
    return scaling(random, *ends, shift, one_shift=random.random() < 0.5)


def _pair(random: Random, most: int) -> tuple[int, int]:
    return random.randint(1, most), random.randint(1, most)


def _padding(random: Random, kernel: tuple[int, int]) -> tuple[int, int]:
    return random.randint(0, kernel[0] - 1), random.randint(0, kernel[1] - 1)


def _filled(op: QuantizedMaxPool2d, size: list[int]) -> tuple[int, int]:
    """Return how many windows in a row, from the first one, hold something; grows a small input."""
    made = []
    for axis in (0, 1):
        taps = range(0, op.kernel[axis] * op.dilation[axis], op.dilation[axis])
        while not any(0 <= tap - op.pad[axis] < size[axis] for tap in taps):
            size[axis] += 1
        count = 0
        while any(0 <= count * op.stride[axis] - op.pad[axis] + tap < size[axis] for tap in taps):
            count += 1
        made.append(count)
    return made[0], made[1]
