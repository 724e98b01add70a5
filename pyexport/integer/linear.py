"""Integer linear layers and affine maps (docs/arithmetic.md, "Linear layers" and "Affine maps")."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.integer.base import (
    Record,
    one_an_output,
    require,
    require_array,
    require_scaling,
    require_sums,
)
from pyexport.ir import QuantizedAffine, QuantizedLinear, QuantizedSums, Tensor


def _check_linear(op: QuantizedLinear, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    _check(op, source, target, (target.size, source.size))


def _check_affine(op: QuantizedAffine, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    (source,), (target,) = inputs, outputs
    require(source.shape == target.shape != (), "a wrong shape")
    _check(op, source, target, source.shape[-1:])


def _check(op: QuantizedSums, source: Tensor, target: Tensor, shape: tuple[int, ...]) -> None:
    require_array(op.weight, np.int8, shape, "weight")
    count = shape[0]
    for field, dtype in (
        ("bias", np.int32),
        ("weight_scale", np.float64),
        ("acc_low", np.int64),
        ("acc_high", np.int64),
    ):
        require_array(getattr(op, field), dtype, (count,), field)
    require(int(op.weight.min()) >= -127, "the weight holds -128")
    require_scaling(op.multiplier, op.shift, op.pre_shift, count)
    scales = np.isfinite(op.weight_scale).all() and (op.weight_scale > 0).all()
    require(scales, "weight_scale is not positive")
    require(op.activation_low <= op.activation_high, "a wrong activation")
    if source.quant is None or target.quant is None:
        raise ValueError("it reads or writes floats")
    require_sums(op, source.quant.low, source.quant.high)


RECORDS = (
    Record(QuantizedLinear, _check_linear, one_an_output),
    Record(QuantizedAffine, _check_affine, one_an_output),
)
