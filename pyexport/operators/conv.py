"""Convolutions on (height, width, channels); a 1-D one is a 2-D one of height 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pyexport.operators.base import Array, Op, freeze, require
from pyexport.operators.windows import Windows


@dataclass(frozen=True, eq=False)
class Conv2d(Op):
    """y[o] = min(max(sum(weight[o] * window) + bias[o], low), high); padded with zeros.

    x is (height, width, channels), y is (height', width', n_out). Output channel o sees the
    channels of its group: o // (n_out / groups). A depthwise convolution has groups == channels.
    """

    kind: ClassVar[str] = "conv2d"
    weight: Array  # (n_out, kernel height, kernel width, channels / groups), float
    bias: Array  # (n_out,), float; zeros where the layer has none
    stride: tuple[int, int] = (1, 1)  # height, width
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    low: float = -math.inf  # a fused clamp
    high: float = math.inf

    def __post_init__(self) -> None:
        freeze(self, "weight", "bias")
        _check_convolution(self)

    @property
    def windows(self) -> Windows:
        """How the kernel lies on the input."""
        return Windows(_kernel(self.weight), self.stride, self.pad, self.dilation)

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return int(self.weight.shape[3]) * self.groups

    @property
    def depthwise(self) -> bool:
        """Whether each input channel has output channels of its own."""
        return self.groups > 1 and self.weight.shape[3] == 1

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape of y for an x of this shape; raises ValueError."""
        _require_image(self.kind, shape, self.channels)
        return (*self.windows.output_size(shape[0], shape[1]), len(self.bias))


@dataclass(frozen=True, eq=False)
class ConvTranspose2d(Op):
    """Every input element adds itself times the kernel to the output: the reverse of Conv2d.

    y[o, stride * i - pad + dilation * k] += weight[o, k] * x[i]; then the bias and the clamp.
    x is (height, width, channels). `pad` is cut off the output, `output_pad` is added behind it.
    """

    kind: ClassVar[str] = "conv_transpose2d"
    weight: Array  # (n_out, kernel height, kernel width, channels / groups), float
    bias: Array  # (n_out,), float
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    output_pad: tuple[int, int] = (0, 0)  # below, to the right
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        freeze(self, "weight", "bias")
        _check_convolution(self)
        require(min(self.output_pad) >= 0, "conv_transpose2d: a negative output padding")

    @property
    def windows(self) -> Windows:
        """The convolution that this one reverses."""
        return Windows(_kernel(self.weight), self.stride, self.pad, self.dilation)

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return int(self.weight.shape[3]) * self.groups

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape of y for an x of this shape; raises ValueError."""
        _require_image(self.kind, shape, self.channels)
        sizes = [
            (shape[i] - 1) * self.stride[i]
            - self.pad[i]
            - self.pad[i + 2]
            + self.windows.extent(i)
            + self.output_pad[i]
            for i in (0, 1)
        ]
        require(min(sizes) >= 1, f"conv_transpose2d: nothing is left of {shape}")
        return (sizes[0], sizes[1], len(self.bias))


def _kernel(weight: Array) -> tuple[int, int]:
    return int(weight.shape[1]), int(weight.shape[2])


def _check_convolution(op: Conv2d | ConvTranspose2d) -> None:
    weight, bias = op.weight, op.bias
    shapes = f"{op.kind}: weight {weight.shape}, bias {bias.shape}, groups {op.groups}"
    require(weight.ndim == 4 and 0 not in weight.shape, shapes)
    require(bias.shape == weight.shape[:1] and op.groups >= 1, shapes)
    require(weight.shape[0] % op.groups == 0, shapes)
    assert op.windows  # which checks itself


def _require_image(kind: str, shape: tuple[int, ...], channels: int) -> None:
    require(
        len(shape) == 3 and shape[2] == channels,
        f"{kind}: takes (height, width, {channels}), not {shape}",
    )
