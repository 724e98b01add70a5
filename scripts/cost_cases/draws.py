"""Draws networks of one layer, as large as layers of real networks are where that can be counted.

FAMILIES names what draws them; every registered kernel must compute a layer of some network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random

import numpy as np

from pyexport.ir import (
    Activation,
    Add,
    Affine,
    Argmax,
    AveragePool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Gru,
    LayerNorm,
    Linear,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Upsample2d,
)
from scripts.cost_cases.net import Net

RANGES = ((0.0, 15.0), (0.0, 255.0), (-8.0, 7.0))
MOST_PRODUCTS = 20_000  # of a convolution
LIMITS = ((-math.inf, math.inf), (0.0, math.inf))


def linear(random: Random) -> Net:
    """A linear layer of 4 to 256 inputs."""
    n_in = random.choice(
        [4, 7, 10, 12, 16, 18, 24, 32, 40, 48, 64, 64, 84, 96, 120, 128, 200, 256, 400]
    )
    n_out = random.choice([2, 3, 4, 6, 7, 8, 10, 10, 12, 16, 16, 20, 24, 32, 32, 40, 48, 64])
    if n_in * n_out > 4000:
        n_out = max(4000 // n_in, 2)
    net = Net(random, (n_in,), (0.0, 15.0), lanes=16)
    low, high = random.choice(LIMITS)
    net.add(Linear(net.normal(n_out, n_in) / n_in, 0.1 * net.normal(n_out), low, high))
    return net


def wide_linear(random: Random) -> Net:
    """A linear layer of any inputs, whose sums have 32 bits."""
    net = linear(random)
    net.input_range, net.lanes = random.choice(RANGES), 32
    return net


def narrow_linear(random: Random) -> Net:
    """A linear layer with weights of 4 bits."""
    net = linear(random)
    net.weights = 4
    return net


def _image(random: Random, channels: int) -> tuple[int, int, int]:
    size = random.choice([5, 5, 6, 7, 8, 9])
    return size, size, channels


CONVOLUTIONS = {  # kernels, channels and outputs that each kind of convolution has
    "full": (((3, 3), (3, 3), (5, 5), (3, 5)), (2, 4, 6, 8, 12, 16, 24, 32), (4, 8, 10, 16, 24)),
    "first": (((3, 3), (5, 5), (5, 3), (7, 7), (8, 4)), (1, 1, 1, 3), (4, 6, 8, 12, 16, 20, 32)),
    "depthwise": (((3, 3), (3, 3), (5, 5), (3, 1)), (4, 8, 16, 24, 32, 40, 64), ()),
    "grouped": (((3, 3),), (4, 8, 16), (8, 16)),
    "dilated": (((3, 3),), (2, 4, 8), (4, 8)),
    "pointwise": (((1, 1),), (8, 12, 16, 24, 32, 48, 64), (4, 8, 16, 24, 32, 48, 64)),
    "line": (((1, 3), (1, 5), (1, 5), (1, 7), (1, 9)), (1, 2, 3, 6, 8, 12, 16, 24), (4, 8, 16, 24)),
}


def conv(random: Random) -> Net:
    """A convolution: full, depthwise, in groups, with gaps, pointwise or along a line."""
    kind = random.choice([*CONVOLUTIONS, "full", "full", "line", "pointwise", "depthwise"])
    kernels, inputs, outputs = CONVOLUTIONS[kind]
    kernel, n_in = random.choice(kernels), random.choice(inputs)
    n_out = random.choice(outputs) if outputs else n_in
    height, width = random.choice([(5, 5), (6, 6), (7, 7), (8, 8), (10, 10), (9, 6)])
    if kind == "line":
        height, width = 1, random.choice([16, 24, 32, 48])
    groups = {"depthwise": n_in, "grouped": random.choice([2, 4])}.get(kind, 1)
    stride = (1, 1) if random.random() < 0.65 else (min(2, height), 2)
    gap = 2 if kind == "dilated" else 1
    pads = (0, 0, 0, 0)
    if kind == "dilated" or (kind != "pointwise" and random.random() < 0.65):
        pads = (gap * (kernel[0] // 2), gap * (kernel[1] // 2)) * 2
    products = math.prod(kernel) * n_in // groups * n_out
    while products * height * width > MOST_PRODUCTS * math.prod(stride) and width > max(kernel):
        height, width = max(height - 1, kernel[0]) if height > 1 else 1, width - 1
    height, width = max(height, kernel[0]), max(width, kernel[1])
    wanted = random.choice([(0.0, 15.0), (0.0, 15.0), random.choice(RANGES)])
    net = Net(random, (height, width, n_in), wanted, lanes=random.choice([16, 16, 32]))
    weight = net.normal(n_out, *kernel, n_in // groups) / (math.prod(kernel) * n_in // groups)
    if random.random() < 0.3:
        weight *= np.exp(net.normal(n_out))[:, None, None, None]  # as different as trained ones
    low, high = random.choice(LIMITS)
    net.add(Conv2d(weight, 0.1 * net.normal(n_out), stride, pads, (gap, gap), groups, low, high))
    return net


def conv_pool(random: Random) -> Net:
    """A convolution with padding and a max pooling behind it, which may share a kernel."""
    size, n_in = random.choice([6, 8, 8, 10, 12, 16]), random.choice([1, 1, 2, 4, 8])
    n_out = random.choice([4, 6, 8, 8, 12, 16])
    while 9 * size * size * n_in * n_out > MOST_PRODUCTS and size > 4:
        size, n_out = size - 2, max(n_out - 2, 4)
    net = Net(random, (size, size, n_in), (0.0, 15.0), lanes=16)
    weight = net.normal(n_out, 3, 3, n_in) / (9 * n_in)
    net.add(Conv2d(weight, 0.1 * net.normal(n_out), pad=(1, 1, 1, 1), low=0.0))
    net.add(MaxPool2d((2, 2), (2, 2)))
    return net


def conv_transpose(random: Random) -> Net:
    """A transposed convolution."""
    n_in, n_out = random.choice([2, 4, 8]), random.choice([2, 4, 8])
    height, width, _ = _image(random, n_in)
    kernel, stride = random.choice([((2, 2), (2, 2)), ((3, 3), (2, 2)), ((3, 3), (1, 1))])
    net = Net(random, (min(height, 7), min(width, 7), n_in), random.choice(RANGES))
    weight = net.normal(n_out, *kernel, n_in) / (math.prod(kernel) * n_in)
    net.add(ConvTranspose2d(weight, 0.1 * net.normal(n_out), stride))
    return net


def pool(random: Random) -> Net:
    """A max or average pooling, a mean, sum or maximum over axes."""
    shape = _image(random, random.choice([1, 2, 4, 6, 8, 12, 16, 24]))
    kind = random.choice(["max", "max", "average", "average", "mean", "reduce"])
    if kind != "reduce" and random.random() < 0.2:
        shape = (1, 4 * shape[1], shape[2])
    net = Net(random, shape, random.choice(RANGES))
    size = random.choice([2, 2, 3])
    kernel = (min(size, shape[0]), size)
    is_padded = random.random() < 0.2 and shape[0] > 1
    half = (kernel[0] // 2, kernel[1] // 2)
    pad = (*half, *half) if is_padded else (0, 0, 0, 0)
    if kind == "max":
        net.add(MaxPool2d(kernel, kernel, pad))
    elif kind == "average":
        net.add(AveragePool2d(kernel, kernel, pad))
    elif kind == "mean":
        net.add(AveragePool2d((shape[0], shape[1]), (1, 1)))
    else:
        function = random.choice(["mean", "sum", "max", "max"])
        net.add(Reduce(function, random.choice([(0,), (1,), (2,), (0, 1), (1, 2)]), False))
    return net


def pairs(random: Random) -> Net:
    """A sum or product of two tensors, of which one may repeat."""
    shape = _image(random, random.choice([1, 2, 4, 8, 16]))
    net = Net(random, shape, random.choice(RANGES))
    kind = random.choice([Add, Mul])
    if random.random() < 0.5:
        net.add(kind(*random.choice(LIMITS)), "x", net.add(Activation("tanh")))
    else:
        other = random.choice([shape, (shape[2],)])
        net.add(kind(), "x", net.add(Constant(net.normal(*other))))
    return net


def product(random: Random) -> Net:
    """A matrix product of two tensors."""
    rows, count = random.choice([4, 6, 8, 10]), random.choice([4, 8, 12, 16])
    net = Net(random, (rows, count), random.choice(RANGES))
    net.add(Activation("tanh"))
    net.add(MatMul(), "x", net.add(Permute((1, 0))))
    return net


def curve(random: Random) -> Net:
    """A function of each byte."""
    shape = _image(random, random.choice([1, 2, 4, 8]))
    net = Net(random, shape, random.choice(RANGES))
    kinds = (
        Activation("sigmoid"),
        Activation("hardswish"),
        Clamp(1.0, 6.0),
        PRelu(net.normal(shape[2])),
    )
    net.add(random.choice((*kinds[:3], kinds[3], kinds[3])))
    return net


def affine(random: Random) -> Net:
    """A scale and a shift of columns."""
    shape = random.choice([(random.choice([8, 24, 64, 128]),), (12, 6), _image(random, 3)])
    net = Net(random, shape, random.choice(RANGES))
    net.add(Affine(net.normal(shape[-1]), net.normal(shape[-1])))
    if random.random() < 0.5:
        net.add(Affine(0.01 + abs(net.normal(shape[-1])) ** 3, net.normal(shape[-1])))
    return net


def rows(random: Random) -> Net:
    """A softmax, log-softmax or argmax."""
    n = random.choice([2, 3, 5, 8, 10, 12, 20, 35, 64])
    shape = (n,) if random.random() < 0.6 else (random.choice([2, 4, 8]), n)
    net = Net(random, shape, (-8.0, 7.0))
    net.add(random.choice([Softmax(), Softmax(), LogSoftmax(), Argmax(len(shape) - 1)]))
    return net


def norm(random: Random) -> Net:
    """A LayerNorm."""
    shape = random.choice([1, 4, 8]), random.choice([8, 12, 16, 32, 48])
    net = Net(random, shape, (-8.0, 7.0))
    net.add(LayerNorm(net.normal(shape[1]), net.normal(shape[1]), 1e-5))
    return net


def moves(random: Random) -> Net:
    """A permute, slice, enlarging, padding or concatenation."""
    shape = _image(random, random.choice([2, 4, 8]))
    net = Net(random, shape, random.choice(RANGES))
    kind = random.choice(["permute", "slice", "upsample", "pad", "pad", "concat", "concat"])
    if kind == "permute":
        net.add(Permute((2, 0, 1)))
    elif kind == "slice":
        net.add(Slice((1, 0, 0), (shape[0] // 2, shape[1] // 2, shape[2]), (2, 2, 1)))
    elif kind == "upsample":
        net.add(Upsample2d((2, 2)))
    elif kind == "pad":
        net.add(Pad(((1, 1), (1, 1), (0, 0)), 0.0))
    else:
        first = net.add(Activation("tanh"))
        net.add(Concat(random.choice([0, 2])), first, net.add(Activation("sigmoid"), "x"))
    return net


def constant(random: Random) -> Net:
    """A table of numbers beside something that reads the input."""
    shape = _image(random, 4)
    net = Net(random, shape, (0.0, 15.0))
    net.add(Concat(2), net.add(Constant(net.normal(*shape))), net.add(Activation("tanh"), "x"))
    return net


def recurrent(random: Random) -> Net:
    """An LSTM or GRU over a few steps."""
    steps, n_in, n = (
        random.choice([3, 4, 8]),
        random.choice([3, 4, 6, 8, 10, 12, 16, 20]),
        random.choice([6, 8, 12, 16, 20, 24, 32]),
    )
    while steps * n * (n + n_in) * 4 > MOST_PRODUCTS and steps > 2:
        steps -= 1
    net = Net(random, (steps, n_in), random.choice([(-2.0, 2.0), (0.0, 15.0)]))
    gates = random.choice([3, 4])
    of_x = net.normal(gates * n, n_in) / math.sqrt(n_in) / net.input_range[1]
    of_h = net.normal(gates * n, n) / math.sqrt(n)
    if random.random() < 0.6:  # as different as trained rows: each is shifted by its own count
        of_x *= np.exp(0.4 * net.normal(gates * n))[:, None]
        of_h *= np.exp(0.4 * net.normal(gates * n))[:, None]
    bias = net.normal(2, gates * n)
    op: Lstm | Gru = Gru(of_x, of_h, *bias) if gates == 3 else Lstm(of_x, of_h, bias[0])
    net.recurrent(op, random.random() < 0.3)
    return net


def flat(random: Random) -> Net:
    """A network of three layers: what stands between kernels."""
    sizes = [
        random.choice([6, 16, 30, 48]),
        random.choice([8, 16, 24]),
        random.choice([6, 10, 12]),
        4,
    ]
    net = Net(random, (sizes[0],), (0.0, 15.0), lanes=16)
    for n_in, n_out in pairwise(sizes):
        last = n_out == sizes[-1]
        net.add(
            Linear(
                net.normal(n_out, n_in) / np.sqrt(n_in),
                net.normal(n_out),
                -math.inf if last else 0.0,
            )
        )
    return net


def floats(random: Random) -> Net:
    """A network in float32: a scale, linear layers and a softmax."""
    n_in, n = random.choice([6, 16, 30]), random.choice([3, 8, 12])
    net = Net(random, (n_in,), (0.0, 1.0), scheme="float32")
    net.add(Affine(net.normal(n_in), net.normal(n_in), *random.choice(LIMITS)))
    net.add(Linear(net.normal(n, n_in) / n_in, net.normal(n), 0.0))
    if random.random() < 0.6:
        net.add(Softmax())
    return net


def small_cnn(random: Random) -> Net:
    """A small network of convolutions, a pooling and a linear layer."""
    size, first, second = random.choice([8, 10]), random.choice([4, 6]), random.choice([4, 8])
    net = Net(random, (size, size, 1), (0.0, 15.0), lanes=random.choice([16, 32]))
    net.add(Conv2d(net.normal(first, 3, 3, 1) / 9, net.normal(first), pad=(1, 1, 1, 1), low=0.0))
    net.add(MaxPool2d((2, 2), (2, 2)))
    net.add(Conv2d(net.normal(second, 3, 3, first) / (9 * first), net.normal(second), low=0.0))
    shape = net.shape_of(net.last)
    net.add(Reshape((math.prod(shape),)))
    net.add(Linear(net.normal(5, math.prod(shape)) / math.prod(shape), net.normal(5)))
    return net


# what draws networks, and how many of them
FAMILIES: dict[Callable[[Random], Net], int] = {
    linear: 22, wide_linear: 14, narrow_linear: 14, conv: 64, conv_pool: 8, conv_transpose: 6,
    pool: 28, pairs: 14, product: 6, curve: 14, affine: 10, rows: 18, norm: 6, moves: 16,
    constant: 4, recurrent: 24, flat: 4, small_cnn: 4, floats: 4,
}  # fmt: skip
