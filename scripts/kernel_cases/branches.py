"""Random branches of a zoo: operators of every family with random shapes and attributes."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import numpy as np

from pyexport.ir import (
    Activation,
    Add,
    Argmax,
    Array,
    AveragePool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Gru,
    LayerNorm,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Slice,
    Softmax,
    Sub,
    Upsample2d,
)
from scripts.kernel_cases.zoo import INPUT_SIZE, Zoo

Branch = Callable[[Random, Zoo], None]
LIMITS = [(-math.inf, math.inf), (0.0, math.inf), (0.0, 6.0), (-1.0, 1.0)]


def _normal(random: Random, *shape: int) -> Array:
    return np.random.default_rng(random.randrange(1 << 30)).normal(size=shape).astype(np.float32)


def _image(random: Random, channels: int, least: int = 1) -> tuple[int, int, int]:
    height = random.randint(least, 6)
    width = random.randint(least, max(least, min(7, INPUT_SIZE // (height * channels))))
    return height, width, channels


def conv(random: Random, zoo: Zoo) -> None:
    """A convolution: groups, strides, dilations, uneven padding; often 1-D."""
    groups = random.choice([1, 1, 2, 3])
    per_group, each = random.randint(1, 3), random.randint(1, 3)
    if random.random() < 0.3:
        groups, per_group, each = random.randint(2, 5), 1, random.randint(1, 2)  # depthwise
    height, width, channels = _image(random, groups * per_group)
    if random.random() < 0.3:
        height = 1
    kernel = tuple(random.randint(1, 3) if n > 1 else 1 for n in (height, width))
    dilation = tuple(random.randint(1, 2) for _ in range(2))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = [random.randint(0, r) for r in reach] + [random.randint(0, r) for r in reach]
    for axis, size in enumerate((height, width)):
        while pads[axis] + size + pads[axis + 2] < reach[axis]:
            pads[axis] += 1
    low, high = random.choice(LIMITS)
    op = Conv2d(
        _normal(random, groups * each, *kernel, per_group),
        _normal(random, groups * each),
        (random.randint(1, 3), random.randint(1, 3)),
        (pads[0], pads[1], pads[2], pads[3]),
        (dilation[0], dilation[1]),
        groups,
        low,
        high,
    )
    source = zoo.source((height, width, channels))
    zoo.end(zoo.quantized(op, (source,), _span(zoo, source) * math.prod(kernel) * per_group / 4))


def conv_transpose(random: Random, zoo: Zoo) -> None:
    """A transposed convolution."""
    groups, per_group, each = random.choice([(1, 2, 2), (2, 1, 1), (1, 1, 3), (2, 2, 2)])
    height, width, channels = random.randint(1, 3), random.randint(1, 4), groups * per_group
    kernel = (random.randint(1, 3), random.randint(1, 3))
    stride = (random.randint(1, 3), random.randint(1, 3))
    dilation = (random.randint(1, 2), random.randint(1, 2))
    extra = tuple(random.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    room = [
        (n - 1) * s + (k - 1) * d
        for n, s, k, d in zip((height, width), stride, kernel, dilation, strict=True)
    ]
    top, left = (random.randint(0, r // 2) for r in room)
    bottom, right = (random.randint(0, r // 2) for r in room)
    op = ConvTranspose2d(
        _normal(random, groups * each, *kernel, per_group),
        _normal(random, groups * each),
        stride,
        (top, left, bottom, right),
        (extra[0], extra[1]),
        dilation,
        groups,
    )
    source = zoo.source((height, width, channels))
    zoo.end(zoo.quantized(op, (source,), _span(zoo, source) * per_group))


def pools(random: Random, zoo: Zoo) -> None:
    """A max or average pooling with any padding that leaves something in every window."""
    height, width, channels = _image(random, random.randint(1, 4), 2)
    kernel = (random.randint(1, min(height, 3)), random.randint(1, min(width, 4)))
    stride = (random.randint(1, 3), random.randint(1, 3))
    half = [k // 2 for k in kernel]
    pad = (
        random.randint(0, half[0]), random.randint(0, half[1]),
        random.randint(0, half[0]), random.randint(0, half[1]),
    )  # fmt: skip
    ceil = random.random() < 0.5
    source = zoo.source((height, width, channels))
    if random.random() < 0.4:
        zoo.end(zoo.quantized(MaxPool2d(kernel, stride, pad, (1, 1), ceil), (source,), 1.0))
        return
    op = AveragePool2d(kernel, stride, pad, ceil, random.random() < 0.5)
    zoo.end(zoo.quantized(op, (source,), _span(zoo, source)))


def dilated_pool(random: Random, zoo: Zoo) -> None:
    """A max pooling with gaps between its taps."""
    source = zoo.source((random.randint(3, 6), random.randint(5, 7), random.randint(1, 3)))
    op = MaxPool2d((2, 3), (random.randint(1, 2), 1), (0, 1, 1, 1), (2, 2))
    zoo.end(zoo.quantized(op, (source,), 1.0))


def reductions(random: Random, zoo: Zoo) -> None:
    """A mean, sum or maximum over one or two axes."""
    shape = _image(random, random.randint(1, 5))
    axes = random.choice([(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
    source = zoo.source(shape)
    function = random.choice(["mean", "sum", "max"])
    count = math.prod(shape[a] for a in axes) if function == "sum" else 1
    op = Reduce(function, axes, random.random() < 0.5)
    zoo.end(zoo.quantized(op, (source,), _span(zoo, source) * count))


def pairs(random: Random, zoo: Zoo) -> None:
    """A sum, difference or product, broadcast or not, sometimes with a constant."""
    shape = _image(random, random.randint(1, 4))
    height, width, channels = shape
    other = random.choice(
        [shape, shape, (1, 1, channels), (channels,), (1,), (height, width, 1), (1, width, 1)]
    )
    a = zoo.source(shape)
    if random.random() < 0.2:
        b = zoo.quantized(Constant(_normal(random, *other)), (), 1.0)
    else:
        b = zoo.source(other)
    low, high = random.choice(LIMITS)
    kind = random.choice([Add, Sub, Mul])
    reach = _span(zoo, a) * _span(zoo, b) if kind is Mul else _span(zoo, a) + _span(zoo, b)
    names = (a, b) if random.random() < 0.5 else (b, a)
    zoo.end(zoo.quantized(kind(low, high), names, reach))


def products(random: Random, zoo: Zoo) -> None:
    """A matrix product of two tensors; their leading axes repeat, are missing, or are equal."""
    rows, count, columns = (random.randint(1, 5) for _ in range(3))
    leading = random.choice([((), ()), ((2,), (2,)), ((3,), ()), ((2, 1), (3,)), ((), (2, 2))])
    a, b = ((*leading[0], rows, count), (*leading[1], count, columns))
    names = zoo.source(a), zoo.source(b)
    reach = _span(zoo, names[0]) * _span(zoo, names[1]) * math.sqrt(count)
    zoo.end(zoo.quantized(MatMul(), names, reach))


def moves(random: Random, zoo: Zoo) -> None:
    """A permute, slice, enlarging or padding."""
    height, width, channels = _image(random, random.randint(1, 4))
    kind = random.choice(["permute", "slice", "upsample", "pad"])
    if kind == "upsample":
        height, width = min(height, 3), min(width, 4)
    source = zoo.source((height, width, channels))
    if kind == "permute":
        axes = [0, 1, 2]
        random.shuffle(axes)
        zoo.end(zoo.quantized(Permute(tuple(axes)), (source,), 1.0))
    elif kind == "slice":
        parts = [_part(random, n) for n in (height, width, channels)]
        starts, sizes, steps = (tuple(p[i] for p in parts) for i in range(3))
        zoo.end(zoo.quantized(Slice(starts, sizes, steps), (source,), 1.0))
    elif kind == "upsample":
        op = Upsample2d((random.randint(1, 3), random.randint(1, 2)))
        zoo.end(zoo.quantized(op, (source,), 1.0))
    else:
        pads = tuple((random.randint(0, 2), random.randint(0, 2)) for _ in range(3))
        value = random.choice([0.0, 0.5, -3.0, 40.0])
        zoo.end(zoo.quantized(Pad(pads, value), (source,), 1.0))


def _part(random: Random, size: int) -> tuple[int, int, int]:
    start = random.randint(0, size - 1)
    step = random.randint(1, 3)
    return start, random.randint(1, (size - 1 - start) // step + 1), step


def joins(random: Random, zoo: Zoo) -> None:
    """A concatenation of two or three tensors with scales of their own."""
    height, width = random.randint(1, 3), random.randint(1, 4)
    axis = random.randrange(3)
    names = []
    for _ in range(random.randint(2, 3)):
        shape = [height, width, 3]
        shape[axis] = random.randint(1, 4)
        names.append(zoo.source((shape[0], shape[1], shape[2])))
    zoo.end(zoo.quantized(Concat(axis), tuple(names), 1.0))


def curves(random: Random, zoo: Zoo) -> None:
    """A function of one byte."""
    source = zoo.source(_image(random, random.randint(1, 4)))
    channels = zoo.tensor(source).shape[-1]
    op = random.choice(
        [
            Activation("sigmoid"),
            Activation("tanh"),
            Activation("leaky_relu", (0.1,)),
            Activation("hardswish"),
            Activation("gelu"),
            Clamp(-0.5, 2.0),
            PRelu(_normal(random, channels)),
            PRelu(_normal(random, channels)),
        ]
    )
    zoo.end(zoo.quantized(op, (source,), 1.0))


def recurrents(random: Random, zoo: Zoo) -> None:
    """An LSTM or GRU over a few steps, read as a sequence or at its end."""
    steps, n_in, n = random.randint(1, 4), random.randint(1, 4), random.randint(1, 3)
    source = zoo.source((steps, n_in))
    gain = random.choice([1.0, 4.0, 16.0]) / _reach(zoo, source)
    bias = _normal(random, 4 * n)
    if random.random() < 0.5:
        weights = _normal(random, 4 * n, n_in) * gain, _normal(random, 4 * n, n)
        op: Lstm | Gru = Lstm(*weights, bias)
    else:
        weights = _normal(random, 3 * n, n_in) * gain, _normal(random, 3 * n, n)
        op = Gru(*weights, bias[: 3 * n], bias[n:])
    zoo.recurrent(op, source, random.random() < 0.5, random.choice([0.5, 6.0, 40.0]))


def rows(random: Random, zoo: Zoo) -> None:
    """A softmax, log-softmax or argmax along any axis."""
    source = zoo.source(_image(random, random.randint(1, 5)))
    axis = random.choice([0, 1, 2, 2, -1])
    op = random.choice([Softmax(axis), LogSoftmax(axis), Argmax(axis % 3)])
    zoo.end(zoo.quantized(op, (source,), 1.0))


def norms(random: Random, zoo: Zoo) -> None:
    """A LayerNorm over the last axes."""
    shape = _image(random, random.randint(1, 7))
    axes = shape[random.choice([0, 1, 2, 2]) :]
    op = LayerNorm(_normal(random, *axes), _normal(random, *axes), 1e-5)
    zoo.end(zoo.quantized(op, (zoo.source(shape),), 3.0))


def long_norm(random: Random, zoo: Zoo) -> None:
    """One whose deviations and squares are shifted."""
    n = random.randint(60, INPUT_SIZE)
    op = LayerNorm(_normal(random, n), _normal(random, n), random.choice([1e-5, 0.1]))
    zoo.end(zoo.quantized(op, (zoo.source((1, n)),), 3.0))


def _reach(zoo: Zoo, name: str) -> float:
    """Return the largest magnitude of a tensor, at least 16 steps."""
    quant = zoo.tensor(name).quant
    assert quant is not None
    return quant.scale * max(quant.zero_point - quant.low, quant.high - quant.zero_point, 16)


def _span(zoo: Zoo, name: str) -> float:
    quant = zoo.tensor(name).quant
    assert quant is not None
    return quant.scale * (quant.high - quant.low + 1)


FAMILIES: dict[str, tuple[Branch, ...]] = {
    "conv": (conv,),
    "conv_transpose": (conv_transpose,),
    "pool": (pools, dilated_pool, reductions),
    "elementwise": (pairs,),
    "matmul": (products,),
    "recurrent": (recurrents,),
    "softmax": (rows,),
    "normalize": (norms, norms, norms, long_norm),
    "shape": (moves, joins),
    "table": (curves,),
}


def draw(random: Random, family: str, count: int) -> Zoo:
    """Return a zoo with `count` branches of a family."""
    zoo = Zoo(random)
    pairs(random, zoo)  # something to trace, also among operators that only move bytes
    for _ in range(count):
        random.choice(FAMILIES[family])(random, zoo)
    return zoo


def mixed(random: Random, output_bytes: int) -> Zoo:
    """Return a zoo of all families in turn, with at most so many bytes of output."""
    zoo = Zoo(random)
    branches = [branch for family in FAMILIES.values() for branch in family]
    random.shuffle(branches)
    for branch in branches:
        before = len(zoo.tensors), len(zoo.nodes), len(zoo.ends)
        branch(random, zoo)
        if sum(zoo.tensor(name).size for name in zoo.ends) > output_bytes:
            del zoo.tensors[before[0] :], zoo.nodes[before[1] :], zoo.ends[before[2] :]
    return zoo
