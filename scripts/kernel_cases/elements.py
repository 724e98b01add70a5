"""Arithmetic of two tensors, constants, tables and slopes, made by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np

from pyexport.fixedpoint import INT32_MAX, INT32_MIN, MAX_SHIFT
from pyexport.integer.elementwise import (
    QuantizedAdd,
    QuantizedConstant,
    QuantizedMul,
    add_bounds,
    mul_bounds,
)
from pyexport.integer.matmul import QuantizedMatMul, matmul_bounds
from pyexport.integer.table import TABLE_DTYPES, QuantizedPRelu, QuantizedTable
from pyexport.ir import Array, QuantParams
from scripts.kernel_cases.bench import Bench, generator
from scripts.kernel_cases.draws import MAX_MULTIPLIER, pre_shift, scaling

MULTIPLIERS = (-MAX_MULTIPLIER, -1, 0, 1, 77, -12345, 20000, MAX_MULTIPLIER)


def add(random: Random, bench: Bench) -> None:
    """A sum or difference, each operand times anything that 15 bits hold."""
    names, shape = _operands(random, bench)
    tensors = [bench.tensor(name) for name in names]
    quants = [bench.range_of(name) for name in names]
    a, b = random.choice(MULTIPLIERS), random.choice(MULTIPLIERS)
    offset = -(quants[0].zero_point * a + quants[1].zero_point * b)
    low, high = add_bounds(QuantizedAdd(a, b, offset, 1), tensors)
    wanted = max(math.frexp(max(abs(low), abs(high), 1) / 150.0)[1], 1)
    shift = random.choice([wanted, wanted, max(wanted - 1, 1), random.randint(1, MAX_SHIFT)])
    while high + (1 << (shift - 1)) > INT32_MAX:
        shift -= 1
    bench.end(bench.add(QuantizedAdd(a, b, offset, shift), names, shape, bench.params()))


def mul(random: Random, bench: Bench) -> None:
    """A product, brought to any scale."""
    names, shape = _operands(random, bench)
    low, high = mul_bounds([bench.tensor(name) for name in names])
    shift = pre_shift(random, max(abs(low), abs(high), 1))
    scale = scaling(random, np.array([low]), np.array([high]), shift, one_shift=True)
    op = QuantizedMul(scale.multiplier, scale.shift, shift)
    assert low << shift >= INT32_MIN  # by pre_shift
    bench.end(bench.add(op, names, shape, bench.params()))


def matmul(random: Random, bench: Bench) -> None:
    """A product of matrices, whose leading axes broadcast."""
    rows, count, columns = random.randint(1, 4), random.choice([1, 2, 5, 40]), random.randint(1, 4)
    leading = random.choice([(), (), (2,), (2, 3), (1, 2, 2)])
    fewer = tuple(random.choice([n, n, 1]) for n in leading)[random.choice([0, len(leading)]) :]
    a, b = (leading, fewer) if random.random() < 0.5 else (fewer, leading)
    names = bench.source((*a, rows, count)), bench.source((*b, count, columns))
    low, high = matmul_bounds([bench.tensor(name) for name in names])
    shift = pre_shift(random, max(abs(low), abs(high), 1))
    scale = scaling(random, np.array([low]), np.array([high]), shift, one_shift=True)
    _wish_ends(bench, names)
    op = QuantizedMatMul(scale.multiplier, scale.shift, shift)
    bench.end(bench.add(op, names, (*leading, rows, columns), bench.params()))


def constant(random: Random, bench: Bench) -> None:
    """Stored bytes, beside one of the input, which something must read."""
    bench.end(bench.source((1,)))
    quant = bench.params()
    shape = (random.choice([1, 2, 31, 300]),)
    op = QuantizedConstant(_bytes(random, quant, shape[0]))
    bench.end(bench.add(op, (), shape, quant))


def table(random: Random, bench: Bench) -> None:
    """Any function of one byte."""
    source = bench.source((random.choice([1, 2, 64, 300]),))
    quant = bench.params()
    op = QuantizedTable(_bytes(random, quant, 256), "any")
    bench.wish(source, _every(bench, source))
    bench.end(bench.add(op, (source,), bench.tensor(source).shape, quant))


def prelu(random: Random, bench: Bench) -> None:
    """Slopes of any 16 bits for values below zero, another for the rest."""
    channels = random.choice([1, 2, 5, 300])
    shape = (channels,) if channels == 300 else (random.randint(1, 3), channels)
    source = bench.source(shape)
    slopes = generator(random).integers(-32768, 32768, channels).astype(np.int16)
    slopes[0] = random.choice([-32768, 32767, 0, 1])
    shift = random.choice([1, 8, 15, 15, 16, MAX_SHIFT])
    op = QuantizedPRelu(slopes, random.choice([0, 1, 1 << 14, MAX_MULTIPLIER]), shift)
    bench.wish(source, _every(bench, source))
    bench.end(bench.add(op, (source,), shape, bench.params()))


def _operands(random: Random, bench: Bench) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return two tensors that broadcast to a shape, one of them sometimes stored."""
    shape = random.choice([(1,), (7,), (300,), (3, 4), (2, 3, 4), (4, 1, 3)])
    other = tuple(random.choice([n, n, 1]) for n in shape)[random.choice([0, 0, len(shape) - 1]) :]
    shapes = [shape, other] if random.random() < 0.5 else [other, shape]
    if random.random() < 0.15:
        return (bench.source(shape),) * 2, shape
    names = [bench.source(s) for s in shapes]
    if random.random() < 0.2:
        quant = bench.params()
        values = _bytes(random, quant, math.prod(shapes[1]))
        names[1] = bench.add(QuantizedConstant(values), (), shapes[1], quant)
    _wish_ends(bench, names)
    return tuple(names), np.broadcast_shapes(*shapes)


def _wish_ends(bench: Bench, names: Sequence[str]) -> None:
    """Ask for rows of two operands at their ends, in all four pairs."""
    for name in names:
        if name in bench.feeds:
            quant = bench.range_of(name)
            ends = [[quant.low], [quant.high], [quant.low], [quant.high]]
            if name == names[1]:
                ends = [[quant.high], [quant.high], [quant.low], [quant.low]]
            bench.wish(name, np.tile(ends, bench.tensor(name).size))


def _bytes(random: Random, quant: QuantParams, count: int) -> Array:
    """Return legal values of a tensor, its ends among them."""
    values = generator(random).integers(quant.low, quant.high + 1, count)
    values[:2] = (quant.low, quant.high)[: len(values[:2])]
    return values.astype(TABLE_DTYPES[quant.dtype])


def _every(bench: Bench, source: str) -> Array:
    """Return rows that together hold every byte of a tensor, as far as few rows can."""
    quant, size = bench.range_of(source), bench.tensor(source).size
    values = quant.low + np.arange(4 * size) % (quant.high - quant.low + 1)
    return values.reshape(4, size)
