"""A value counts as often as windows of a convolution read it."""

from __future__ import annotations

import numpy as np
import pytest

from pyexport.digits import mean_digits
from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Conv2d, Reshape
from pyexport.pipeline import ExportOptions, export_model
from pyexport.simulator.fast import FastSimulator
from pyexport.simulator.reads import reads_of
from tests.networks import chain


def test_a_value_counts_as_often_as_windows_read_it() -> None:
    """3x3 windows over 4x4 values without padding: rows are read 1, 2, 2 and 1 times."""
    conv = Conv2d(np.ones((2, 3, 3, 1)), np.zeros(2), low=0.0)
    model = chain(16, [Reshape((4, 4, 1)), conv], calibration=np.eye(16))
    graph = export_model(model, ExportOptions("net")).artifact.graph
    node = next(node for node in graph.nodes if isinstance(node.op, QuantizedConv2d))
    middle, corner = np.zeros((2, 16), dtype=np.uint8)
    middle[5], corner[0] = 9, 9
    fast = FastSimulator(graph)
    assert fast.densities(middle[None])[node.name] == pytest.approx(4 / 36)  # of 4 windows of 9
    assert fast.densities(corner[None])[node.name] == pytest.approx(1 / 36)
    assert fast.densities(np.stack([middle, corner]))[node.name] == pytest.approx(5 / 72)
    assert fast.densities(np.full((3, 16), 7, dtype=np.uint8))[node.name] == pytest.approx(1.0)


@pytest.mark.parametrize("target", ["cortex-m4", "rv32ec"])
def test_a_layer_that_reads_only_padding_can_be_exported(target: str) -> None:
    """One row of 2 taps, two apart, over one row of values with a row of padding on both sides."""
    conv = Conv2d(np.ones((2, 2, 1, 1)), np.ones(2), dilation=(2, 1), pad=(1, 0, 1, 0))
    model = chain(5, [Reshape((1, 5, 1)), conv], calibration=np.eye(5))
    export = export_model(model, ExportOptions("net", optimize="speed", target=target))
    node = next(n for n in export.artifact.graph.nodes if isinstance(n.op, QuantizedConv2d))
    fast = FastSimulator(export.artifact.graph)
    rows = np.full((3, 5), 7, dtype=np.uint8)
    assert not reads_of(node, export.artifact.graph).any()
    assert fast.densities(rows)[node.name] == 0.0
    assert fast.digits(rows)[node.name][0] == mean_digits(())


@pytest.mark.parametrize(
    ("stride", "dilation", "pad"),
    [
        ((1, 1), (1, 1), (1, 1, 1, 1)),
        ((2, 1), (1, 2), (0, 2, 1, 0)),
        ((3, 2), (1, 1), (2, 0, 2, 1)),
    ],
)
def test_reads_are_those_of_the_taps_inside(
    stride: tuple[int, int], dilation: tuple[int, int], pad: tuple[int, int, int, int]
) -> None:
    conv = Conv2d(np.ones((1, 3, 2, 2)), np.zeros(1), stride=stride, dilation=dilation, pad=pad)
    model = chain(84, [Reshape((7, 6, 2)), conv], calibration=np.eye(84))
    graph = export_model(model, ExportOptions("net")).artifact.graph
    node = next(node for node in graph.nodes if isinstance(node.op, QuantizedConv2d))
    height, width, _ = graph.tensor(node.outputs[0]).shape
    wanted = np.zeros((7, 6, 2))
    for row, column, i, j in np.ndindex(height, width, 3, 2):
        y, x = (
            row * stride[0] + i * dilation[0] - pad[0],
            column * stride[1] + j * dilation[1] - pad[1],
        )
        if 0 <= y < 7 and 0 <= x < 6:
            wanted[y, x] += 1
    assert np.array_equal(reads_of(node, graph), wanted.ravel())
