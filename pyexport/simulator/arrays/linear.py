"""Linear layers as matrix products, and affine maps of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyexport.ir import Array, QuantizedAffine, QuantizedLinear, Tensor
from pyexport.simulator.arrays.base import Evaluate, factors, quant_of, requantized


def linear(op: QuantizedLinear, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a linear layer."""
    (source,), (target,) = map(quant_of, inputs), outputs
    largest_input = max(abs(source.low), abs(source.high))
    absolute = np.abs(op.weight.astype(np.int64)).sum(axis=1) * largest_input
    largest_sum = int((absolute + np.abs(op.bias.astype(np.int64))).max(initial=0))
    dtype: Any = np.float32 if largest_sum < 2**24 else np.float64
    weight, bias = op.weight.T.astype(dtype), op.bias.astype(dtype)
    factor = factors(op.multiplier, op.shift, op.pre_shift)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        acc = x.astype(dtype, copy=False) @ weight
        acc += bias
        return acc, (requantized(acc, factor, target),)

    return run


def affine(op: QuantizedAffine, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of an affine map: element i has the numbers of column i % columns."""
    (source,), (target,) = inputs, outputs
    repeats = source.size // len(op.weight)
    weight = np.tile(op.weight.astype(np.float64), repeats)
    bias = np.tile(op.bias.astype(np.float64), repeats)
    factor = np.tile(factors(op.multiplier, op.shift, op.pre_shift), repeats)

    def run(x: Array) -> tuple[Array, tuple[Array, ...]]:
        acc = x * weight + bias
        return acc, (requantized(acc, factor, target),)

    return run
