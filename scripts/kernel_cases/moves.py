"""Operators that only move bytes, made by hand: strides that repeat, go backwards, skip."""

from __future__ import annotations

import math
from random import Random

from pyexport.integer.shape import QuantizedConcat, QuantizedGather, QuantizedPad
from scripts.kernel_cases.bench import Bench


def gather(random: Random, bench: Bench) -> None:
    """Any strides that stay inside: backwards, repeated, overlapping, over more than 256."""
    count = random.choice([1, 2, 12, 60, 300])
    source = bench.source((count,))
    sizes, strides, least, greatest = [], [], 0, 0
    for _ in range(random.randint(1, 4)):
        size = random.randint(1, 5)
        room = (count - 1 - (greatest - least)) // (size - 1) if size > 1 else count - 1
        stride = random.choice([0, 1, -1, room, -room, random.randint(0, max(room, 0))])
        if abs(stride) > room:
            stride = 0
        sizes.append(size)
        strides.append(stride)
        reach = (size - 1) * stride
        least, greatest = least + min(0, reach), greatest + max(0, reach)
    if random.random() < 0.2:
        sizes, strides, least, greatest = [count], [-1], -(count - 1), 0
    offset = random.randint(-least, count - 1 - greatest)
    op = QuantizedGather(tuple(sizes), tuple(strides), offset)
    bench.end(bench.add(op, (source,), (math.prod(sizes),), bench.range_of(source)))


def concat(random: Random, bench: Bench) -> None:
    """Tensors side by side, one of them sometimes twice."""
    axis = random.randrange(3)
    outer = [random.randint(1, 3) for _ in range(3)]
    quant, parts = bench.params(), []
    for _ in range(random.randint(1, 3)):
        shape = list(outer)
        shape[axis] = random.choice([1, 2, 5])
        parts.append(bench.source((shape[0], shape[1], shape[2]), quant))
    if random.random() < 0.4:
        parts.append(random.choice(parts))
    outer[axis] = sum(bench.tensor(name).shape[axis] for name in parts)
    bench.end(bench.add(QuantizedConcat(axis), tuple(parts), tuple(outer), quant))


def pad(random: Random, bench: Bench) -> None:
    """A byte around a tensor, on any side of any axis."""
    shape = tuple(random.randint(1, 4) for _ in range(random.randint(1, 4)))
    pads = tuple((random.randint(0, 2), random.randint(0, 2)) for _ in shape)
    if random.random() < 0.15:
        shape, pads = (200,), ((random.randint(0, 99), random.randint(0, 99)),)
    source = bench.source(shape)
    quant = bench.range_of(source)
    op = QuantizedPad(pads, random.choice([quant.low, quant.high]))
    made = tuple(a + n + b for (a, b), n in zip(pads, shape, strict=True))
    bench.end(bench.add(op, (source,), made, quant))
