"""Convolutions whose sums fit 16 bits, often up to their ends, so that two share a word."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from pyexport.integer.conv import QuantizedConv2d, window_params
from pyexport.integer.pool import QuantizedMaxPool2d
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.draws import scaling, weights
from scripts.kernel_cases.sums import Windows, drawn_kernel, window_extremes, windows_on


def conv(random: Random, bench: Bench) -> None:
    """A convolution of any window: pointwise, 1-D, strides, dilations, uneven padding."""
    kernel, dilation = drawn_kernel(random)
    bench.end(_conv(random, bench, kernel, dilation, windows_on(random, kernel, dilation)))


def pooled_conv(random: Random, bench: Bench) -> None:
    """A convolution that only a max pooling reads, whose windows tile it."""
    kernel, dilation = drawn_kernel(random)
    pool = random.choice([(2, 2), (2, 2), (1, 2), (2, 1), (3, 1), (1, 3)])
    size, pad, stride, made = windows_on(random, kernel, dilation)
    for axis in (0, 1):
        missing = -made[axis] % pool[axis]
        size[axis] += missing * stride[axis]
        made[axis] += missing
    result = _conv(random, bench, kernel, dilation, (size, pad, stride, made))
    height, width, channels = bench.tensor(result).shape
    op = QuantizedMaxPool2d(pool, pool, (0, 0), (1, 1))
    shape = height // pool[0], width // pool[1], channels
    bench.end(bench.add(op, (result,), shape, bench.range_of(result)))


def depthwise_conv(random: Random, bench: Bench) -> None:
    """A depthwise convolution, some with several outputs a channel: two places share a word."""
    kernel, dilation = drawn_kernel(random)
    windows = windows_on(random, kernel, dilation)
    if windows[3] == [1, 1]:  # a single place has no other to share with
        windows[0][1] += windows[2][1]
        windows[3][1] += 1
    groups = random.choice([2, 3, 4, 5, 8])
    bench.end(_conv(random, bench, kernel, dilation, windows, groups))


def _conv(
    random: Random,
    bench: Bench,
    kernel: tuple[int, int],
    dilation: tuple[int, int],
    windows: Windows,
    groups: int = 1,
) -> str:
    """Add a convolution; one of several groups is depthwise."""
    size, pad, stride, made = windows
    channels = groups if groups > 1 else random.choice([1, 1, 2, 3, 4, 5, 8])
    n_out = random.choice([2, 3, 4, 7, 8, 9, 16, 19])
    if groups > 1:
        n_out = groups * random.choice([1, 1, 2])
    source = bench.source((size[0], size[1], channels))
    window = window_params(bench.range_of(source), padded=any(pad))
    terms = math.prod(kernel) * (channels // groups)
    most = max(min(30000 // (terms * max(abs(window.low), abs(window.high), 1)), 127), 1)
    weight = np.clip(weights(random, n_out, terms), -most, most)
    products = weight.astype(np.int64) * window.low, weight.astype(np.int64) * window.high
    low, high = np.minimum(*products).sum(axis=1), np.maximum(*products).sum(axis=1)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    bias = np.array([random.choice([0, -32768 - a, 32767 - b]) for a, b in ends])
    bias = np.clip(bias, -32768 - low, 32767 - high).astype(np.int32)
    low, high = low + bias, high + bias
    scale = scaling(random, low, high, 0, one_shift=random.random() < 0.5)
    op = QuantizedConv2d(
        weight.reshape(n_out, *kernel, channels // groups), bias, scale.multiplier, scale.shift, 0,
        np.ones(n_out), low, high, stride, (pad[0], pad[1], pad[2], pad[3]), dilation, groups,
    )  # fmt: skip
    bench.wish(source, window_extremes(random, op, size, made, bench.range_of(source)))
    return bench.add(op, (source,), (made[0], made[1], n_out), bench.params())
