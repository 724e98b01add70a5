"""Linear layers and matrix products in float64."""

from __future__ import annotations

import numpy as np

from pyexport.ir import FloatArray, Linear, MatMul
from pyexport.reference.rule import Arrays, Rule, clamped, passed, product


def _linear(op: Linear, inputs: Arrays, fixed_order: bool) -> Arrays:
    flat = inputs[0].reshape(len(inputs[0]), -1)
    weight, bias = (a.astype(flat.dtype, copy=False) for a in (op.weight, op.bias))
    return (clamped(product(flat, weight, bias, fixed_order), op.low, op.high),)


def _linear_back(op: Linear, inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
    gradient = passed(gradients[0], outputs[0], op.low, op.high)
    weight = op.weight.astype(gradient.dtype, copy=False)
    return ((gradient @ weight).reshape(inputs[0].shape),)


def _matmul(_op: MatMul, inputs: Arrays, fixed_order: bool) -> Arrays:
    a, b = _aligned(*inputs)
    if not fixed_order:
        return (a @ b,)
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    total = np.zeros((*shape, a.shape[-2], b.shape[-1]))
    for k in range(a.shape[-1]):
        total += a[..., :, k, None] * b[..., None, k, :]
    return (total,)


def _matmul_back(_op: MatMul, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    a, b = _aligned(*inputs)
    (gradient,) = gradients
    back = (gradient @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ gradient)
    return tuple(
        summed(g, x.shape).reshape(source.shape)
        for g, x, source in zip(back, (a, b), inputs, strict=True)
    )


def _aligned(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both with the same number of axes: missing ones come behind the batch."""
    rank = max(a.ndim, b.ndim)
    return aligned(a, rank), aligned(b, rank)


def aligned(x: FloatArray, rank: int) -> FloatArray:
    """Return x with axes of size 1 behind the batch, so that it has `rank` axes."""
    return x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:])


def summed(gradient: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return the gradient on a tensor of `shape` that was broadcast to the gradient's shape."""
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient


RULES = {Linear: Rule(_linear, _linear_back), MatMul: Rule(_matmul, _matmul_back)}
