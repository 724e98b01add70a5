"""Linear layers, affine maps and convolutions, made by hand: weights and biases at their ends."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np

from pyexport.integer.conv import QuantizedConv2d, QuantizedConvTranspose2d
from pyexport.ir import Array, QuantizedAffine, QuantizedLinear, QuantParams
from scripts.kernel_cases.bench import Bench
from scripts.kernel_cases.draws import biases, pre_shift, scaling, weights

# Size of an input, its padding, strides, and how many windows lie on it.
Windows = tuple[list[int], list[int], tuple[int, int], list[int]]
LONG = 300  # more than a counter of 8 bits holds


def linear(random: Random, bench: Bench) -> None:
    """A linear layer with one shift for all outputs."""
    _linear(random, bench, one_shift=True)


def linear_shifts(random: Random, bench: Bench) -> None:
    """A linear layer with a shift for each output."""
    _linear(random, bench, one_shift=False)


def any_linear(random: Random, bench: Bench) -> None:
    """A linear layer with one shift, or one for each output."""
    _linear(random, bench, one_shift=random.random() < 0.5)


def wide_linear(random: Random, bench: Bench) -> None:
    """The same, or one for blocks of outputs that are not all full."""
    if random.random() < 0.7:
        any_linear(random, bench)
    else:
        n_in, n_out = random.choice([4, 7, 18]), random.choice([8, 10, 15, 16, 17, 34])
        _linear_of(random, bench, n_in, n_out, one_shift=random.random() < 0.5)


def narrow_linear(random: Random, bench: Bench) -> None:
    """A linear layer whose sums fit 16 bits, often up to their ends, so that two share a word."""
    n_in, n_out = (
        random.choice([1, 2, 5, 8, 33]),
        random.choice([2, 3, 5, 7, 8, 9, 12, 13, 16, 19, 33]),
    )
    narrow_linear_of(random, bench, n_in, n_out)


def narrow_linear4(random: Random, bench: Bench) -> None:
    """The same with weights of 4 bits, of which some are at the ends."""
    n_in, n_out = random.choice([1, 2, 5, 8, 33]), random.choice([2, 3, 4, 7, 8, 9, 16, 19])
    narrow_linear_of(random, bench, n_in, n_out, 7)


def linear4(random: Random, bench: Bench) -> None:
    """A linear layer with weights of 4 bits, enough of them to be packed, and sums of any width."""
    n_in = random.choice([16, 17, 33, LONG])
    n_out = -(-128 // n_in) + random.randint(0, 2)
    source = bench.source((n_in,))
    weight = np.clip(weights(random, n_out, n_in), -7, 7)
    quant = bench.range_of(source)
    fields = _sums(random, weight, quant, one_shift=random.random() < 0.5)
    bench.wish(source, _extremes(weight, quant))
    bench.end(bench.add(QuantizedLinear(**fields), (source,), (n_out,), bench.params()))


def avr_linear(random: Random, bench: Bench) -> None:
    """The same with the blocks of AVR: up to 11 outputs, and counters of 8 and 16 bits."""
    n_out = random.choice([*range(1, 13), 21, 22, 23, 34])
    narrow_linear_of(random, bench, random.choice([1, 2, 5, 8, 33, 256, LONG]), n_out)


def small_avr_linear(random: Random, bench: Bench) -> None:
    """One whose weights have room in the code of an ATmega, beside others."""
    narrow_linear_of(random, bench, random.choice([1, 2, 5, 8, 33]), random.randint(1, 13))


def narrow_linear_of(
    random: Random, bench: Bench, n_in: int, n_out: int, largest: int = 127
) -> None:
    """Add a layer of this shape whose sums fit 16 bits, with weights up to `largest`."""
    source = bench.source((n_in,))
    quant = bench.range_of(source)
    most = max(min(30000 // (n_in * max(abs(quant.low), abs(quant.high), 1)), largest), 1)
    weight = np.clip(weights(random, n_out, n_in), -most, most)
    products = weight.astype(np.int64) * quant.low, weight.astype(np.int64) * quant.high
    low, high = np.minimum(*products).sum(axis=1), np.maximum(*products).sum(axis=1)
    ends = list(zip(low.tolist(), high.tolist(), strict=True))
    kinds = [random.choice([0, -32768 - a, 32767 - b]) for a, b in ends]
    bias = np.array([np.clip(k, -32768, 32767) for k in kinds], np.int32)
    bias = np.clip(bias, -32768 - low, 32767 - high).astype(np.int32)
    low, high = low + bias, high + bias
    scale = scaling(random, low, high, 0, one_shift=random.random() < 0.5)
    op = QuantizedLinear(weight, bias, scale.multiplier, scale.shift, 0, np.ones(n_out), low, high)
    bench.wish(source, _extremes(weight, quant))
    bench.end(bench.add(op, (source,), (n_out,), bench.params()))


def _linear(random: Random, bench: Bench, *, one_shift: bool) -> None:
    n_in = random.choice([1, 2, 3, 4, 5, 7, 8, 17, 33, LONG])
    n_out = random.randint(1 if one_shift else 2, 3 if n_in == LONG else 9)
    if random.random() < 0.1:
        n_in, n_out = random.randint(1, 3), LONG
    _linear_of(random, bench, n_in, n_out, one_shift=one_shift)


def _linear_of(random: Random, bench: Bench, n_in: int, n_out: int, *, one_shift: bool) -> None:
    source = bench.source((n_in,))
    weight = weights(random, n_out, n_in)
    fields = _sums(random, weight, bench.range_of(source), one_shift=one_shift)
    bench.wish(source, _extremes(weight, bench.range_of(source)))
    bench.end(bench.add(QuantizedLinear(**fields), (source,), (n_out,), bench.params()))


def affine(random: Random, bench: Bench) -> None:
    """An affine map of columns with one shift."""
    _affine(random, bench, one_shift=True)


def affine_shifts(random: Random, bench: Bench) -> None:
    """An affine map with a shift for each column."""
    _affine(random, bench, one_shift=False)


def _affine(random: Random, bench: Bench, *, one_shift: bool) -> None:
    if bench.input_shape:  # a raw input, which nothing else may read
        affine_of(random, bench, "input", one_shift=one_shift)
        return
    columns = random.choice([1, 2, 3, 8, 13] if one_shift else [2, 3, 8, 13])
    rows = random.choice([(), (1,), (4,), (2, 3)])
    if random.random() < 0.1:
        rows, columns = (), LONG
    affine_of(random, bench, bench.source((*rows, columns)), one_shift=one_shift)


def affine_of(random: Random, bench: Bench, source: str, *, one_shift: bool) -> None:
    """Add an affine map of a tensor's columns, and lead it to the output."""
    shape, quant = bench.tensor(source).shape, bench.range_of(source)
    weight = weights(random, 1, shape[-1])[0]
    fields = _sums(random, weight[:, None], quant, one_shift=one_shift) | {"weight": weight}
    if source in bench.feeds:
        bench.wish(source, _extremes(np.tile(weight, math.prod(shape[:-1]))[None], quant))
    bench.end(bench.add(QuantizedAffine(**fields), (source,), shape, bench.params()))


def conv(random: Random, bench: Bench) -> None:
    """A convolution: groups, depthwise, pointwise, 1-D, strides, dilations, uneven padding."""
    groups, per_group, each = _channels(random)
    kernel, dilation = drawn_kernel(random)
    size, pad, stride, made = windows_on(random, kernel, dilation)
    source = bench.source((size[0], size[1], groups * per_group))
    weight = weights(random, groups * each, math.prod(kernel) * per_group)
    fields = _conv_fields(random, weight, bench.range_of(source), padded=any(pad))
    shape = groups * each, *kernel, per_group
    op = QuantizedConv2d(
        **fields | {"weight": weight.reshape(shape)},
        stride=stride, pad=(pad[0], pad[1], pad[2], pad[3]), dilation=dilation, groups=groups,
    )  # fmt: skip
    bench.wish(source, window_extremes(random, op, size, made, bench.range_of(source)))
    bench.end(bench.add(op, (source,), (made[0], made[1], len(weight)), bench.params()))


def windows_on(random: Random, kernel: tuple[int, int], dilation: tuple[int, int]) -> Windows:
    """Return the size of an input, its padding, strides, and how many windows lie on it."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [random.randint(1, 6) if k > 1 or random.random() < 0.5 else 1 for k in kernel]
    pad = [0, 0, 0, 0]
    if random.random() < 0.6:
        pad = [random.randint(0, r) for r in (*reach, *reach)]
    for axis in (0, 1):
        missing = reach[axis] - size[axis] - pad[axis] - pad[axis + 2]
        if missing > 0 and random.random() < 0.5:
            pad[axis] += missing
        elif missing > 0:
            size[axis] += missing
    stride = random.randint(1, 3), random.randint(1, 3)
    made = [(pad[i] + size[i] + pad[i + 2] - reach[i]) // stride[i] + 1 for i in (0, 1)]
    return size, pad, stride, made


def conv_transpose(random: Random, bench: Bench) -> None:
    """A transposed convolution, with rows and columns that nothing may reach."""
    groups, per_group, each = _channels(random)
    kernel, dilation = drawn_kernel(random)
    stride = random.randint(1, 3), random.randint(1, 3)
    size = [random.randint(1, 3), random.randint(1, 4)]
    reach = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(size, stride, kernel, dilation, strict=True)
    ]
    cut = [random.randint(0, (r - 1) // 2) for r in (*reach, *reach)]
    made = [
        reach[i] - cut[i] - cut[i + 2] + random.randint(0, max(stride[i], dilation[i]) - 1)
        for i in (0, 1)
    ]
    source = bench.source((size[0], size[1], groups * per_group))
    weight = weights(random, groups * each, math.prod(kernel) * per_group)
    fields = _conv_fields(random, weight, bench.range_of(source), padded=True)
    shape = groups * each, *kernel, per_group
    op = QuantizedConvTranspose2d(
        **fields | {"weight": weight.reshape(shape)},
        stride=stride, pad=(cut[0], cut[1], cut[2], cut[3]), dilation=dilation, groups=groups,
    )  # fmt: skip
    bench.end(bench.add(op, (source,), (made[0], made[1], len(weight)), bench.params()))


def _channels(random: Random) -> tuple[int, int, int]:
    """Return groups, input channels a group, outputs a group."""
    kind = random.choice(["plain", "plain", "depthwise", "multiplied", "grouped"])
    if kind == "plain":
        return 1, random.randint(1, 5), random.randint(1, 5)
    groups = random.randint(2, 5)
    if kind == "depthwise":
        return groups, 1, 1
    if kind == "multiplied":
        return groups, 1, random.randint(2, 3)
    return groups, 2, random.randint(1, 2)


def drawn_kernel(random: Random) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the size of a kernel, and its dilation."""
    kernel = random.choice([(1, 1), (3, 3), (1, 3), (1, 5), (2, 2), (3, 1), (2, 3), (4, 1)])
    dilation = (random.choice([1, 1, 2, 3]), random.choice([1, 1, 2, 3]))
    return kernel, dilation


def _sums(random: Random, weight: Array, source: QuantParams, *, one_shift: bool) -> dict[str, Any]:
    """Return the fields of an integer layer whose sums read `source`; weight is (sums, terms)."""
    wide = weight.astype(np.int64)
    ends = wide * source.low, wide * source.high
    least, greatest = np.minimum(*ends), np.maximum(*ends)
    low, high = least.sum(axis=1), greatest.sum(axis=1)
    partial = np.minimum(least, 0).sum(axis=1), np.maximum(greatest, 0).sum(axis=1)
    shift = pre_shift(random, int(max(-partial[0].min(), partial[1].max())))
    more = np.maximum(-partial[0], partial[1])
    bias = biases(random, low, high, shift, more)
    low, high = low + bias, high + bias
    scale = scaling(random, low, high, shift, one_shift=one_shift)
    return {
        "weight": weight, "bias": bias, "multiplier": scale.multiplier, "shift": scale.shift,
        "pre_shift": shift, "weight_scale": np.ones(len(weight)), "acc_low": low, "acc_high": high,
    }  # fmt: skip


def _conv_fields(
    random: Random, weight: Array, source: QuantParams, *, padded: bool
) -> dict[str, Any]:
    """Return the fields of a convolution; its proof is of whole windows and of centered ones."""
    low, high = source.low, source.high
    if padded:
        low, high = min(low, source.zero_point), max(high, source.zero_point)
    wide = weight.astype(np.int64)
    ends = wide * low, wide * high
    least, greatest = np.minimum(*ends), np.maximum(*ends)
    sums = least.sum(axis=1), greatest.sum(axis=1)
    # A kernel may also start at the bias without zero points: its sums reach a bit further.
    more = abs(wide).sum(axis=1) * (max(abs(low), abs(high)) + 2 * abs(source.zero_point))
    shift = pre_shift(random, int(more.max()))
    bias = biases(random, *sums, shift, more)
    acc_low, acc_high = sums[0] + bias, sums[1] + bias
    scale = scaling(random, acc_low, acc_high, shift, one_shift=random.random() < 0.4)
    return {
        "weight": weight, "bias": bias, "multiplier": scale.multiplier, "shift": scale.shift,
        "pre_shift": shift, "weight_scale": np.ones(len(weight)),
        "acc_low": acc_low, "acc_high": acc_high,
    }  # fmt: skip


def _extremes(weight: Array, source: QuantParams) -> Array:
    """Return rows at which the first sums are greatest, and those at which they are least."""
    greatest = np.where(weight[:5] > 0, source.high, source.low)
    least = np.where(weight[:5] > 0, source.low, source.high)
    return np.concatenate([greatest, least])


def window_extremes(
    random: Random, op: QuantizedConv2d, size: list[int], made: list[int], source: QuantParams
) -> Array:
    """Return images in which one window of some output has the greatest or the least sum."""
    per_group = op.weight.shape[3]
    images = []
    for sign in (1, -1, 1, -1):
        output = random.randrange(len(op.weight))
        first = output // (len(op.weight) // op.groups) * per_group
        at = [random.randrange(n) for n in made]
        image = np.full((*size, per_group * op.groups), source.low)
        for row in range(op.weight.shape[1]):
            for column in range(op.weight.shape[2]):
                y = at[0] * op.stride[0] - op.pad[0] + row * op.dilation[0]
                x = at[1] * op.stride[1] - op.pad[1] + column * op.dilation[1]
                if 0 <= y < size[0] and 0 <= x < size[1]:
                    wanted = op.weight[output, row, column] * sign > 0
                    image[y, x, first : first + per_group] = np.where(
                        wanted, source.high, source.low
                    )
        images.append(image)
    return np.array(images)
