"""The definition of convolutions: plain sums over windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyexport.simulator.exact.base import Evaluated, Scaled, Values


@dataclass(frozen=True)
class Conv2dLayer(Scaled):
    """acc = bias[o] + sum of weight[o][ky][kx][i] * in[y][x][i]; outside lies the zero point."""

    weight: list[list[list[list[int]]]]  # [output][kernel row][kernel column][channel of the group]
    bias: list[int]  # the input's zero point is already in it
    stride: tuple[int, int]
    pad: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]
    groups: int

    def row_of(self, out: int, tap: int, axis: int) -> int | None:
        """Return the input row (axis 0) or column (1) that a tap reads, None outside."""
        at = out * self.stride[axis] + tap * self.dilation[axis] - self.pad[axis]
        return at if 0 <= at < self.inputs[0].shape[axis] else None


@dataclass(frozen=True)
class ConvTranspose2dLayer(Conv2dLayer):
    """The same sum, where input element i lies at output stride * i - pad + dilation * tap."""

    def row_of(self, out: int, tap: int, axis: int) -> int | None:
        """Return the input row or column that reaches this output by this tap, or None."""
        at = out + self.pad[axis] - tap * self.dilation[axis]
        inside = 0 <= at < self.inputs[0].shape[axis] * self.stride[axis]
        return at // self.stride[axis] if inside and at % self.stride[axis] == 0 else None


def conv2d(layer: Conv2dLayer, x: Values) -> Evaluated:
    """Return what a convolution gives, both in the order row, column, channel."""
    height, width, n_out = layer.outputs[0].shape
    sums: Values = []
    outputs: Values = []
    for row in range(height):
        for column in range(width):
            for o in range(n_out):
                acc = layer.bias[o]
                for weight, value in _window(layer, x, row, column, o):
                    acc += weight * value
                sums.append(acc)
                outputs.append(layer.finish(acc, o))
    return Evaluated((outputs,), sums)


def _window(
    layer: Conv2dLayer, x: Values, row: int, column: int, o: int
) -> Iterator[tuple[int, int]]:
    """Return every weight of output o with the byte it meets."""
    (source,) = layer.inputs
    _, width, channels = source.shape
    per_group = channels // layer.groups
    first = o // (len(layer.bias) // layer.groups) * per_group
    for tap_row, weights in enumerate(layer.weight[o]):
        for tap_column, weights_of_tap in enumerate(weights):
            at_row = layer.row_of(row, tap_row, 0)
            at_column = layer.row_of(column, tap_column, 1)
            for i, weight in enumerate(weights_of_tap):
                if at_row is None or at_column is None:
                    yield weight, source.zero_point
                else:
                    yield weight, x[(at_row * width + at_column) * channels + first + i]
