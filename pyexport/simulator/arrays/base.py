"""What the NumPy twins share: rows of values as floats that hold integers, and rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyexport.ir import Array, QuantParams, Tensor

# Takes one array (rows, size) for each input; returns the sums (rows, traced) or None, and outputs.
Evaluate = Callable[..., tuple[Array | None, tuple[Array, ...]]]
Make = Callable[[Any, Sequence[Tensor], Sequence[Tensor]], Evaluate]


def quant_of(tensor: Tensor) -> QuantParams:
    """Return the bytes of a tensor that an integer operator reads or writes."""
    assert tensor.quant is not None  # integer operators have quantized tensors
    return tensor.quant


def image(x: Array, tensor: Tensor) -> Array:
    """Return rows of flat values in the tensor's shape."""
    return x.reshape(len(x), *tensor.shape)


def flat(x: Array) -> Array:
    """Return rows of flat values."""
    return x.reshape(len(x), math.prod(x.shape[1:]))  # also of no rows


def factors(multiplier: Array, shift: Array, pre_shift: int) -> Array:
    """Return what q15x multiplies a sum by, in float64: the product has at most 46 bits."""
    return np.ldexp(multiplier.astype(np.float64), pre_shift - 16 - shift.astype(np.int64))


def requantized(sums: Array, factor: Array, target: Tensor) -> Array:
    """Return the bytes of sums: scaled, rounded once (halves up), clamped to the limits."""
    quant = quant_of(target)
    y = np.asarray(sums * factor, dtype=np.float64)
    y += 0.5
    np.floor(y, out=y)
    np.clip(y, quant.low - quant.zero_point, quant.high - quant.zero_point, out=y)
    y += quant.zero_point
    return y


def rounded_shift(sums: Array, shift: int, target: Tensor) -> Array:
    """Return the bytes of int64 sums / 2**shift, rounded once (halves up), clamped."""
    quant = quant_of(target)
    y = ((sums + (1 << (shift - 1))) >> shift) + quant.zero_point
    return np.asarray(np.clip(y, quant.low, quant.high))
