"""Operators that make one value of all elements along some axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Op, require

REDUCTIONS = ("mean", "sum", "max")


@dataclass(frozen=True)
class Reduce(Op):
    """y = mean, sum or max over the axes; global pooling is one over height and width."""

    kind: ClassVar[str] = "reduce"
    function: str  # one of REDUCTIONS
    axes: tuple[int, ...]  # rising, 0 or more
    keep: bool = False  # leave the axes in, with size 1

    def __post_init__(self) -> None:
        require(self.function in REDUCTIONS, f"reduce: {self.function!r} is unknown")
        require(
            bool(self.axes)
            and list(self.axes) == sorted({axis for axis in self.axes if axis >= 0}),
            f"reduce: axes {self.axes}",
        )

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of y for an x of this shape."""
        return _reduced(shape, self.axes, self.keep)


@dataclass(frozen=True)
class Argmax(Op):
    """y = the index of the largest element along an axis; the lowest index wins a tie."""

    kind: ClassVar[str] = "argmax"
    axis: int  # 0 or more
    keep: bool = False

    def __post_init__(self) -> None:
        require(self.axis >= 0, f"argmax: axis {self.axis}")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of y for an x of this shape."""
        return _reduced(shape, (self.axis,), self.keep)


def _reduced(shape: tuple[int, ...], axes: tuple[int, ...], keep: bool) -> tuple[int, ...]:
    require(max(axes) < len(shape), f"axes {axes} of a tensor of shape {shape}")
    if keep:
        return tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)
