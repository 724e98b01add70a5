"""Products of two tensors' matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.matmul import QuantizedMatMul, matmul_bounds
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, factors, flat, quant_of, requantized


def matmul(op: QuantizedMatMul, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a matrix product."""
    factor = factors(op.multiplier, op.shift, op.pre_shift)
    exact = max(map(abs, matmul_bounds(inputs))) < 1 << 24  # in float32
    rank = len(outputs[0].shape)

    def operand(x: Array, tensor: Tensor) -> Array:
        missing = (1,) * (rank - len(tensor.shape))
        values = x.astype(np.float32 if exact else np.float64) - quant_of(tensor).zero_point
        return np.asarray(values).reshape(len(x), *missing, *tensor.shape)

    def run(a: Array, b: Array) -> tuple[Array, tuple[Array, ...]]:
        x, y = (operand(v, t) for v, t in zip((a, b), inputs, strict=True))
        acc = flat(np.matmul(x, y).astype(np.float64))
        return acc, (requantized(acc, factor, outputs[0]),)

    return run
