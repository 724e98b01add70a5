"""Arithmetic of two tensors element by element, with broadcasting and a fused clamp."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Array, Op, freeze


@dataclass(frozen=True)
class Add(Op):
    """y = min(max(a + b, low), high); axes of size 1 broadcast, missing ones come first."""

    kind: ClassVar[str] = "add"
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Sub(Op):
    """y = min(max(a - b, low), high), broadcast like Add."""

    kind: ClassVar[str] = "sub"
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Mul(Op):
    """y = min(max(a * b, low), high), broadcast like Add."""

    kind: ClassVar[str] = "mul"
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, eq=False)
class Constant(Op):
    """A stored tensor: no input, one output. An operand of Add, Mul, ... or a first state."""

    kind: ClassVar[str] = "constant"
    value: Array  # (*output shape), float

    def __post_init__(self) -> None:
        freeze(self, "value")


@dataclass(frozen=True, eq=False)
class Affine(Op):
    """y = min(max(scale * x + shift, low), high), a scale and shift for each column (last axis).

    An evaluated BatchNorm, a scaler, or the front end of an integer graph.
    """

    kind: ClassVar[str] = "affine"
    scale: Array  # (n,), float
    shift: Array  # (n,), float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        freeze(self, "scale", "shift")
