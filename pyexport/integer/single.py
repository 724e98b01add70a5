"""The float32 scheme: the float operators that an export may hold as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyexport.integer.base import Record, one_an_output, require, require_array
from pyexport.ir import Affine, Array, Linear, Softmax, Tensor

FLOAT32_MAX = float(np.finfo(np.float32).max)


def _check_linear(op: Linear, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    _require_floats(op.weight, (target.size, source.size), "weight")
    _require_floats(op.bias, (target.size,), "bias")
    _require_limits(op.low, op.high)


def _check_affine(op: Affine, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(source.shape == target.shape != (), "a wrong shape")
    _require_floats(op.scale, source.shape[-1:], "scale")
    _require_floats(op.shift, source.shape[-1:], "shift")
    _require_limits(op.low, op.high)


def _check_softmax(op: Softmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(source.size == target.size, "a wrong size")


def _require_floats(array: Array, shape: tuple[int, ...], what: str) -> None:
    require_array(array, np.float32, shape, what)
    require(np.isfinite(array).all(), f"{what} is not finite")


def _require_limits(low: float, high: float) -> None:
    """Require the limits of a clamp to be float32 values, as the C constants are."""
    finite = [limit for limit in (low, high) if math.isfinite(limit)]
    exact = all(abs(x) <= FLOAT32_MAX and float(np.float32(x)) == x for x in finite)
    require(exact and low <= high, "limits that are no float32 values")


def _one(op: Softmax, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    return 1  # the sum of the exponentials


RECORDS = (
    Record(Linear, _check_linear, one_an_output),
    Record(Affine, _check_affine, one_an_output),
    Record(Softmax, _check_softmax, _one),
)
