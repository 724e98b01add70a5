"""Draws networks of one convolution or pooling."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from pyexport.ir import AveragePool2d, Conv2d, ConvTranspose2d, MaxPool2d, Reduce
from scripts.cost_cases.net import Net

RANGES = ((0.0, 15.0), (0.0, 255.0), (-8.0, 7.0))
MOST_PRODUCTS = 20_000  # of a layer
LIMITS = ((-math.inf, math.inf), (0.0, math.inf))


def image(random: Random, channels: int) -> tuple[int, int, int]:
    """Return a small shape with so many channels."""
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
    return _conv(random)


def uneven_conv(random: Random) -> Net:
    """A convolution whose rows differ as trained ones do, of inputs around no round zero."""
    return _conv(random, is_uneven=True)


def line_conv(random: Random) -> Net:
    """A convolution along a line, padded or not, of inputs around any zero."""
    return _conv(random, random.random() < 0.5, "line")


def uneven_depthwise(random: Random) -> Net:
    """A depthwise convolution whose channels differ, with sums of 16 bits."""
    return _conv(random, True, "depthwise", 16)


def _conv(random: Random, is_uneven: bool = False, kind: str = "", lanes: int = 0) -> Net:
    kinds = [*CONVOLUTIONS, "full", "full", "line", "pointwise", "depthwise"]
    kind = kind or random.choice(kinds)
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
    if is_uneven:
        wanted = random.choice([(-3.1, 12.4), (0.0, 15.0)])
    net = Net(random, (height, width, n_in), wanted, lanes=lanes or random.choice([16, 16, 32]))
    weight = net.normal(n_out, *kernel, n_in // groups) / (math.prod(kernel) * n_in // groups)
    if random.random() < 0.3:
        weight *= np.exp(net.normal(n_out))[:, None, None, None]
    if is_uneven:
        spread = 5.0 if lanes else 2.0  # sums of 16 bits share a shift up to larger ratios
        weight *= np.exp(spread * net.normal(n_out))[:, None, None, None]
    low, high = random.choice(LIMITS)
    net.add(Conv2d(weight, 0.1 * net.normal(n_out), stride, pads, (gap, gap), groups, low, high))
    return net


def conv_pool(random: Random) -> Net:
    """A convolution and a max pooling behind it, which may share a kernel."""
    size, n_in = random.choice([6, 8, 8, 10, 12]), random.choice([1, 1, 2, 4, 6, 8, 16])
    n_out, kernel = random.choice([4, 6, 8, 8, 12, 16, 20, 32]), random.choice([3, 3, 5, 5])
    pad = kernel // 2 if random.random() < 0.6 else 0
    while kernel**2 * size * size * n_in * n_out > 4 * MOST_PRODUCTS and size > 6:
        size -= 2
    net = Net(random, (size, size, n_in), (0.0, 15.0), lanes=16)
    weight = net.normal(n_out, kernel, kernel, n_in) / (kernel * kernel * n_in)
    net.add(Conv2d(weight, 0.1 * net.normal(n_out), pad=(pad, pad, pad, pad), low=0.0))
    net.add(MaxPool2d((2, 2), (2, 2)))
    return net


def conv_transpose(random: Random) -> Net:
    """A transposed convolution."""
    n_in, n_out = random.choice([2, 4, 8]), random.choice([2, 4, 8])
    height, width, _ = image(random, n_in)
    kernel, stride = random.choice([((2, 2), (2, 2)), ((3, 3), (2, 2)), ((3, 3), (1, 1))])
    net = Net(random, (min(height, 7), min(width, 7), n_in), random.choice(RANGES))
    weight = net.normal(n_out, *kernel, n_in) / (math.prod(kernel) * n_in)
    net.add(ConvTranspose2d(weight, 0.1 * net.normal(n_out), stride))
    return net


def pool(random: Random) -> Net:
    """A max or average pooling, a mean, sum or maximum over axes."""
    size = random.choice([6, 7, 8, 9, 10, 12])
    shape = size, size, random.choice([1, 2, 4, 6, 8, 12, 16, 24, 32])
    kind = random.choice(["max", "max", "max", "average", "average", "mean", "reduce"])
    kernel = random.choice([(2, 2), (2, 2), (2, 2), (3, 3), (3, 3), (1, 2), (1, 3), (1, 4)])
    if kernel[0] == 1 and kind in ("max", "average"):
        shape = (1, 4 * size, shape[2])
    net = Net(random, shape, random.choice(RANGES))
    stride = kernel if random.random() < 0.6 else (kernel[0], min(kernel[1], 2))
    is_padded = kernel[0] == 3 and random.random() < 0.6
    pad = (1, 1, 1, 1) if is_padded else (0, 0, 0, 0)
    if kind == "max":
        net.add(MaxPool2d(kernel, stride, pad))
    elif kind == "average":
        net.add(AveragePool2d(kernel, stride, pad))
    elif kind == "mean":
        net.add(AveragePool2d((shape[0], shape[1]), (1, 1)))
    else:
        function = random.choice(["mean", "sum", "max", "max"])
        net.add(Reduce(function, random.choice([(0,), (1,), (2,), (0, 1), (1, 2)]), False))
    return net
