"""Linear layers for kernels on pairs of products, whose sums reach the ends of 24 or 32 bits."""

from __future__ import annotations

from random import Random

import numpy as np

from pyexport.fixedpoint import INT32_MAX, INT32_MIN
from pyexport.ir import Array, QuantizedLinear, QuantParams
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.draws import pre_shift, scaling, weights

# Ranges whose pairs fit 16 bits as they are, and the nearest that do not.
RANGES = (
    QuantParams("u8", 1.0, 0, 0, 127),
    QuantParams("u8", 1.0, 0, 0, 128),
    QuantParams("u8", 1.0, 0, 0, 255),
    QuantParams("s8", 1.0, 0, -128, 127),
    QuantParams("s8", 1.0, 0, -127, 127),
)


def linear24(random: Random, bench: Bench) -> None:
    """A layer whose sums fit 24 bits, and often reach their ends."""
    _linear(random, bench, 24)


def linear32(random: Random, bench: Bench) -> None:
    """A layer whose sums need more than 24 bits."""
    _linear(random, bench, 32)


def _linear(random: Random, bench: Bench, bits: int) -> None:
    n_in = random.choice([1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 33, 64])
    n_out = random.choice([1, 2, 3, 4, 5, 6, 7, 8, 9])
    quant = random.choice(RANGES) if random.random() < 0.7 else bench.params()
    source = bench.source((n_in,), quant)
    weight = weights(random, n_out, n_in)
    ends = weight.astype(np.int64) * quant.low, weight.astype(np.int64) * quant.high
    least, greatest = np.minimum(*ends), np.maximum(*ends)
    low, high = least.sum(axis=1), greatest.sum(axis=1)
    more = np.maximum(-np.minimum(least, 0).sum(axis=1), np.maximum(greatest, 0).sum(axis=1))
    shift = pre_shift(random, int(max(-low.min(), high.max(), 1))) if bits == 32 else 0
    bias = _biases(random, low, high, bits - shift)
    bias = np.clip(bias, INT32_MIN + more, INT32_MAX - more).astype(np.int32)  # partial sums too
    low, high = low + bias, high + bias
    scale = scaling(random, low, high, shift, one_shift=random.random() < 0.5)
    op = QuantizedLinear(
        weight, bias, scale.multiplier, scale.shift, shift, np.ones(n_out), low, high
    )
    bench.wish(source, _extremes(weight, quant))
    bench.end(bench.add(op, (source,), (n_out,), bench.params()))


def _biases(random: Random, low: Array, high: Array, bits: int) -> Array:
    """Return biases that take some sum to an end of so many bits; of 32 the first always."""
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    drawn = []
    for place, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        wanted = [least - a, most - b]
        centre = -(a + b) // 2
        drawn.append(random.choice(wanted if place == 0 else [*wanted, centre, 0]))
    return np.array(drawn)


def _extremes(weight: Array, source: QuantParams) -> Array:
    """Return rows at which the first sums are greatest, those at which they are least, and pairs.

    In the last two a neighbour of each greatest input is least: the ends of 256 * a0 - a1.
    """
    greatest = np.where(weight[:4] > 0, source.high, source.low)
    least = np.where(weight[:4] > 0, source.low, source.high)
    even = np.arange(weight.shape[1]) % 2 == 0
    pairs = np.where(np.stack([even, ~even]), source.high, source.low)
    return np.concatenate([greatest, least, pairs])
