"""The definition of pooling and reductions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyexport.simulator.exact.base import Evaluated, Layer, Scaled, Values


@dataclass(frozen=True)
class MaxPool2dLayer(Layer):
    """The largest byte of each window that lies in the input."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]  # top, left
    dilation: tuple[int, int]


@dataclass(frozen=True)
class AveragePool2dLayer(Scaled):
    """acc = sum of (in - zero_point); multiplier and shift are those of the window's divisor."""

    rows: list[int]  # the divisor of a window is rows[y] * columns[x]
    columns: list[int]
    divisors: list[int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]


@dataclass(frozen=True)
class ReduceLayer(Scaled):
    """acc[o][i] = sum over k of (in[o][k][i] - zero_point)."""

    outer: int
    count: int
    inner: int


@dataclass(frozen=True)
class ReduceMaxLayer(Layer):
    """out[o][i] = the largest in[o][k][i]."""

    outer: int
    count: int
    inner: int


def max_pool2d(layer: MaxPool2dLayer, x: Values) -> Evaluated:
    """Return the largest byte of each window."""
    return Evaluated(([max(window) for _, _, window in _windows(layer, x, layer.dilation)],), [])


def average_pool2d(layer: AveragePool2dLayer, x: Values) -> Evaluated:
    """Return the mean of each window, rounded once."""
    zero_point = layer.inputs[0].zero_point
    sums: Values = []
    outputs: Values = []
    for row, column, window in _windows(layer, x, (1, 1)):
        acc = sum(value - zero_point for value in window)
        index = layer.divisors.index(layer.rows[row] * layer.columns[column])
        sums.append(acc)
        outputs.append(layer.finish(acc, index))
    return Evaluated((outputs,), sums)


def _windows(
    layer: MaxPool2dLayer | AveragePool2dLayer, x: Values, dilation: tuple[int, int]
) -> Iterator[tuple[int, int, Values]]:
    """Return row, column and the bytes inside the input of each window, channel by channel."""
    height, width, channels = layer.inputs[0].shape
    out_height, out_width, _ = layer.outputs[0].shape
    for row in range(out_height):
        for column in range(out_width):
            for channel in range(channels):
                window = []
                for tap_row in range(layer.kernel[0]):
                    for tap_column in range(layer.kernel[1]):
                        y = row * layer.stride[0] - layer.pad[0] + tap_row * dilation[0]
                        z = column * layer.stride[1] - layer.pad[1] + tap_column * dilation[1]
                        if 0 <= y < height and 0 <= z < width:
                            window.append(x[(y * width + z) * channels + channel])
                yield row, column, window


def reduce_sum(layer: ReduceLayer, x: Values) -> Evaluated:
    """Return the sums or means along the middle axis, rounded once."""
    zero_point = layer.inputs[0].zero_point
    sums = [sum(value - zero_point for value in line) for line in _lines(layer, x)]
    return Evaluated(([layer.finish(acc) for acc in sums],), sums)


def reduce_max(layer: ReduceMaxLayer, x: Values) -> Evaluated:
    """Return the largest bytes along the middle axis."""
    return Evaluated(([max(line) for line in _lines(layer, x)],), [])


def _lines(layer: ReduceLayer | ReduceMaxLayer, x: Values) -> Iterator[Values]:
    for o in range(layer.outer):
        for i in range(layer.inner):
            yield [x[(o * layer.count + k) * layer.inner + i] for k in range(layer.count)]
