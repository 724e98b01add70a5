"""The float32 scheme, by the very operations of the definition in the same order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pyexport.ir import Affine, Array, Linear, Softmax, Tensor
from pyexport.simulator import float32
from pyexport.simulator.arrays.base import Evaluate


def linear(op: Linear, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a linear layer."""
    weight, bias = op.weight.T.astype(np.float32), op.bias.astype(np.float32)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        acc = np.repeat(bias[None, :], len(x), axis=0)
        for i, row in enumerate(weight):
            acc += x[:, i, None] * row  # two roundings, first to last: no fused multiply-add
        return acc, (_clamped(acc, op.low, op.high),)

    return run


def affine(op: Affine, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of an affine map of columns."""
    repeats = inputs[0].size // len(op.scale)
    scale = np.tile(op.scale.astype(np.float32), repeats)
    shift = np.tile(op.shift.astype(np.float32), repeats)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        acc = x * scale
        acc += shift  # two roundings
        return acc, (_clamped(acc, op.low, op.high),)

    return run


def softmax(op: Softmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of softmax over all elements."""

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        terms = exp_nonpositive(x - x.max(axis=1, keepdims=True))
        total = np.zeros((len(x), 1), dtype=np.float32)
        for i in range(x.shape[1]):
            total += terms[:, i, None]
        return total, (terms / total,)

    return run


def _clamped(acc: Array, low: float, high: float) -> Array:
    least, greatest = np.float32(low), np.float32(high)
    return np.where(acc < least, least, np.where(acc > greatest, greatest, acc))


def exp_nonpositive(x: Array) -> npt.NDArray[np.float32]:
    """Return exp of float32 values <= 0 by the very operations of simulator/float32.py."""
    underflows = x < np.float32(float32.EXP_UNDERFLOW)
    x = np.where(underflows, np.float32(0.0), x)
    n = np.trunc(x * np.float32(float32.LOG2_E) - np.float32(0.5))
    r = x - n * np.float32(float32.LN2_HIGH)
    r = r - n * np.float32(float32.LN2_LOW)
    y = np.full_like(r, np.float32(float32.EXP_COEFFICIENTS[0]))
    for coefficient in float32.EXP_COEFFICIENTS[1:]:
        y = y * r + np.float32(coefficient)
    return np.where(underflows, np.float32(0.0), np.ldexp(y, n.astype(np.int32)))
