"""Arithmetic of two tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.elementwise import QuantizedAdd, QuantizedConstant, QuantizedMul
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import (
    Evaluate,
    factors,
    flat,
    quant_of,
    requantized,
    rounded_shift,
)


def add(op: QuantizedAdd, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a sum or difference."""

    def run(a: Array, b: Array) -> tuple[Array, tuple[Array, ...]]:
        x, y = (_operand(v, t, outputs[0]) for v, t in zip((a, b), inputs, strict=True))
        acc = flat(x * op.multiplier_a + y * op.multiplier_b + op.offset)
        return acc, (rounded_shift(acc, op.shift, outputs[0]),)

    return run


def mul(op: QuantizedMul, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a product."""
    factor = factors(op.multiplier, op.shift, op.pre_shift)
    zero_a, zero_b = (quant_of(tensor).zero_point for tensor in inputs)

    def run(a: Array, b: Array) -> tuple[Array, tuple[Array, ...]]:
        x, y = (_operand(v, t, outputs[0]) for v, t in zip((a, b), inputs, strict=True))
        acc = flat((x - zero_a) * (y - zero_b))
        return acc, (requantized(acc, factor, outputs[0]),)

    return run


def _operand(x: Array, tensor: Tensor, target: Tensor) -> Array:
    """Return rows of an operand as int64, with as many axes as the output."""
    missing = (1,) * (len(target.shape) - len(tensor.shape))
    return x.astype(np.int64).reshape(len(x), *missing, *tensor.shape)


def constant(
    op: QuantizedConstant, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Evaluate:
    """Return the evaluation of stored bytes: one row, which broadcasts."""
    value = op.value.astype(np.float32)[None, :]

    def run() -> tuple[None, tuple[Array, ...]]:
        return None, (value,)

    return run
