"""Softmax and LayerNorm: every output depends on all elements of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Array, Op, freeze, require


@dataclass(frozen=True)
class Softmax(Op):
    """y = exp(x) / sum(exp(x)), the sum along an axis."""

    kind: ClassVar[str] = "softmax"
    axis: int = -1  # -1 is the last; frontends write that one so


@dataclass(frozen=True)
class LogSoftmax(Op):
    """y = x - log(sum(exp(x))), the sum along an axis."""

    kind: ClassVar[str] = "log_softmax"
    axis: int = -1


@dataclass(frozen=True, eq=False)
class LayerNorm(Op):
    """y = weight * (x - mean) / sqrt(variance + eps) + bias, over the last axes of x.

    The axes are the last `weight.ndim`; mean and variance (divided by n) are theirs.
    """

    kind: ClassVar[str] = "layer_norm"
    weight: Array  # (*sizes of the last axes), float; ones where the layer has none
    bias: Array  # the same shape, float
    eps: float

    def __post_init__(self) -> None:
        freeze(self, "weight", "bias")
        require(
            self.weight.ndim >= 1 and self.weight.shape == self.bias.shape,
            f"layer_norm: weight {self.weight.shape} and bias {self.bias.shape}",
        )
        require(self.eps >= 0.0, f"layer_norm: eps {self.eps}")


@dataclass(frozen=True, eq=False)
class QuantizedSoftmax(Op):
    """Integer softmax with u8 outputs (docs/arithmetic.md section "softmax")."""

    kind: ClassVar[str] = "quantized_softmax"
    table: Array  # (256,), u16: round(32768 * exp(-d * scale_in)), entry 0 is 32767

    def __post_init__(self) -> None:
        freeze(self, "table")
