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
    Clamp,
    Concat,
    Constant,
    Conv2d,
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
    Reshape,
    Slice,
    Softmax,
    Upsample2d,
)
from scripts.cost_cases.net import Net
from scripts.cost_cases.spiking import current_spiking, direct_spiking, other_spiking, spiking
from scripts.cost_cases.windows import (
    LIMITS,
    MOST_PRODUCTS,
    RANGES,
    conv,
    conv_pool,
    conv_transpose,
    image,
    line_conv,
    pool,
    uneven_conv,
    uneven_depthwise,
)


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


def digits_linear(random: Random) -> Net:
    """A linear layer whose inputs have many binary digits, and sums of 16 bits all the same."""
    net = linear(random)
    net.input_range = random.choice([(0.0, 63.0), (0.0, 127.0), (0.0, 255.0), (-128.0, 127.0)])
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


def uneven_linear(random: Random) -> Net:
    """A linear layer whose rows differ as trained ones do: each is shifted by its own count."""
    n_in, n_out = random.choice([8, 16, 24, 33, 64, 128]), random.choice([4, 8, 10, 16, 24, 32])
    net = Net(random, (n_in,), random.choice([(0.0, 15.0), (0.0, 15.0), random.choice(RANGES)]))
    net.lanes, net.weights = random.choice([16, 16, 32]), random.choice([8, 4])
    weight = net.normal(n_out, n_in) / n_in * np.exp(1.5 * net.normal(n_out))[:, None]
    low, high = random.choice(LIMITS)
    net.add(Linear(weight, 0.1 * net.normal(n_out), low, high))
    return net


def pairs(random: Random) -> Net:
    """A sum or product of two tensors, of which one may repeat."""
    shape = image(random, random.choice([1, 2, 4, 8, 16]))
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
    shape = image(random, random.choice([1, 2, 4, 8]))
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
    shape = random.choice([(random.choice([8, 24, 64, 128]),), (12, 6), image(random, 3)])
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
    shape = image(random, random.choice([2, 4, 8]))
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
    shape = image(random, 4)
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


# what draws networks, and how many of them; a new family comes last: builds are numbered, and known
# by their text
FAMILIES: dict[Callable[[Random], Net], int] = {
    linear: 22, digits_linear: 12, wide_linear: 14, narrow_linear: 14, conv: 64, uneven_conv: 14,
    conv_pool: 20, conv_transpose: 6, pool: 48, pairs: 14, product: 6, curve: 14, affine: 10,
    rows: 18, norm: 6, moves: 16, constant: 4, recurrent: 24, flat: 4, small_cnn: 4, floats: 4,
    uneven_linear: 14, line_conv: 10, uneven_depthwise: 10,
    spiking: 44, direct_spiking: 26, other_spiking: 20, current_spiking: 10,
}  # fmt: skip
