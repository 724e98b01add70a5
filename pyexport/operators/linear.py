"""Fully connected layers and the product of two tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Array, Op, freeze


@dataclass(frozen=True, eq=False)
class Linear(Op):
    """y = min(max(weight @ x + bias, low), high) on a flat tensor; the limits are a fused clamp."""

    kind: ClassVar[str] = "linear"
    weight: Array  # (n_out, n_in), float
    bias: Array  # (n_out,), float; zeros where the layer has none
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        freeze(self, "weight", "bias")
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise ValueError(f"linear: weight {self.weight.shape} and bias {self.bias.shape}")


@dataclass(frozen=True)
class MatMul(Op):
    """y = a @ b over the last two axes of two tensors; leading axes broadcast."""

    kind: ClassVar[str] = "matmul"


@dataclass(frozen=True, eq=False)
class QuantizedSums(Op):
    """What the integer layers that add up products have in common; n_out sums, or one a column."""

    weight: Array  # int8 in -127..127
    bias: Array  # (n_out,), int32; -zero_point_in * sum(weight) is already in it
    multiplier: Array  # (n_out,), int32 in 0..2**15 - 1
    shift: Array  # (n_out,), int32 in 1..30
    pre_shift: int  # left shift of the accumulator, one for the layer
    weight_scale: Array  # (n_out,), float64: what one unit of a weight is worth
    acc_low: Array  # (n_out,), int64: proved bounds of the final sum, bias included
    acc_high: Array  # (n_out,), int64
    activation_low: float = -math.inf  # the fused clamp in reals: what the layer is called by
    activation_high: float = math.inf

    def __post_init__(self) -> None:
        freeze(self, "weight", "bias", "multiplier", "shift", "weight_scale", "acc_low", "acc_high")


class QuantizedLinear(QuantizedSums):
    """Integer linear layer, PX1 (docs/arithmetic.md section "linear"); weight is (n_out, n_in)."""

    kind: ClassVar[str] = "quantized_linear"


class QuantizedAffine(QuantizedSums):
    """Integer affine map, PX1 (docs/arithmetic.md section "affine"); one of all for a column."""

    kind: ClassVar[str] = "quantized_affine"
