"""Intervals through layers with weights: linear, convolutions, products, affine maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyexport.ir import Affine, Conv2d, ConvTranspose2d, FloatArray, Linear, MatMul
from pyexport.quantize.intervals.interval import Interval, hull, weighted_sums
from pyexport.reference.registry import RULES


def linear(op: Linear, inputs: Sequence[Interval]) -> Interval:
    """Return the bounds of a linear layer; each output reaches its own."""
    flat = Interval(inputs[0].low.reshape(-1), inputs[0].high.reshape(-1))
    return weighted_sums(op.weight, flat, op.bias).clipped(op.low, op.high)


def convolution(op: Conv2d | ConvTranspose2d, inputs: Sequence[Interval]) -> Interval:
    """Return the bounds of a convolution; each output reaches its own."""
    (x,) = inputs
    nothing = np.zeros(len(op.bias))
    free = replace(op, bias=nothing, low=-np.inf, high=np.inf)
    positive = replace(free, weight=np.maximum(op.weight, 0))
    negative = replace(free, weight=np.minimum(op.weight, 0))
    bias = op.bias.astype(np.float64)
    low = _run(positive, x.low) + _run(negative, x.high) + bias
    high = _run(positive, x.high) + _run(negative, x.low) + bias
    return Interval(low, high).clipped(op.low, op.high)


def _run(op: Conv2d | ConvTranspose2d, x: FloatArray) -> FloatArray:
    return np.asarray(RULES[type(op)].forward(op, [x[None]], True)[0][0])


def affine(op: Affine, inputs: Sequence[Interval]) -> Interval:
    """Return the bounds of an affine map."""
    (x,) = inputs
    ends = (op.scale * side + op.shift for side in (x.low, x.high))
    return hull(*ends).clipped(op.low, op.high)


def matmul(_op: MatMul, inputs: Sequence[Interval]) -> Interval:
    """Return the bounds of a matrix product: each sum's products at their own extremes."""
    a, b = inputs
    leading = np.broadcast_shapes(a.low.shape[:-2], b.low.shape[:-2])
    low = np.zeros((*leading, a.low.shape[-2], b.low.shape[-1]))
    high = np.zeros_like(low)
    for k in range(a.low.shape[-1]):
        products = hull(
            *(
                left[..., :, k, None] * right[..., None, k, :]
                for left in (a.low, a.high)
                for right in (b.low, b.high)
            )
        )
        low, high = low + products.low, high + products.high
    return Interval(low, high)
