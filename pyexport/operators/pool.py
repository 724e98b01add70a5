"""Pooling over windows of (height, width, channels), and enlarging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Op, require
from pyexport.operators.windows import Windows


@dataclass(frozen=True)
class MaxPool2d(Op):
    """y = the largest element of each window, channel by channel; padding is never the largest."""

    kind: ClassVar[str] = "max_pool2d"
    kernel: tuple[int, int]  # height, width
    stride: tuple[int, int]
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: tuple[int, int] = (1, 1)
    ceil: bool = False  # a last window may reach over the end

    def __post_init__(self) -> None:
        assert self.windows  # which checks itself

    @property
    def windows(self) -> Windows:
        """How the windows lie on the input."""
        return Windows(self.kernel, self.stride, self.pad, self.dilation, self.ceil)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape of y for an x of (height, width, channels); raises ValueError."""
        return _pooled(self.kind, self.windows, shape)


@dataclass(frozen=True)
class AveragePool2d(Op):
    """y = the mean of each window, channel by channel.

    The divisor counts the elements inside the input, or with `include_pad` those inside the padded
    input; what a last window has beyond that (`ceil`) never counts.
    """

    kind: ClassVar[str] = "average_pool2d"
    kernel: tuple[int, int]  # height, width
    stride: tuple[int, int]
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    ceil: bool = False
    include_pad: bool = True

    def __post_init__(self) -> None:
        assert self.windows  # which checks itself

    @property
    def windows(self) -> Windows:
        """How the windows lie on the input."""
        return Windows(self.kernel, self.stride, self.pad, (1, 1), self.ceil)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape of y for an x of (height, width, channels); raises ValueError."""
        return _pooled(self.kind, self.windows, shape)


@dataclass(frozen=True)
class Upsample2d(Op):
    """y[i, j] = x[i // scale height, j // scale width]: nearest, by whole factors."""

    kind: ClassVar[str] = "upsample2d"
    scale: tuple[int, int]  # height, width

    def __post_init__(self) -> None:
        require(min(self.scale) >= 1, "upsample2d: a factor below 1")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape of y for an x of (height, width, channels); raises ValueError."""
        require(len(shape) == 3, f"upsample2d: takes (height, width, channels), not {shape}")
        return (shape[0] * self.scale[0], shape[1] * self.scale[1], shape[2])


def _pooled(kind: str, windows: Windows, shape: tuple[int, ...]) -> tuple[int, int, int]:
    require(len(shape) == 3, f"{kind}: takes (height, width, channels), not {shape}")
    height, width = windows.output_size(shape[0], shape[1])
    require(
        windows.see_input(shape[0], 0) and windows.see_input(shape[1], 1),
        f"{kind}: a window lies in the padding alone",
    )
    return (height, width, shape[2])
