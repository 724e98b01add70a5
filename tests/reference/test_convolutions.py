"""Convolutions against PyTorch, over drawn shapes and attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pyexport.ir import Conv2d, ConvTranspose2d
from pyexport.reference import forward, value_and_gradient
from pyexport.reference.conv import taps
from pyexport.reference.lines import Lines
from tests.reference.autograd import check, first, last, one_node

small = st.tuples(st.integers(1, 3), st.integers(1, 3))
sides = st.tuples(*(st.integers(0, 2) for _ in range(4)))
sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))
groupings = st.sampled_from([(1, 1, 1), (3, 2, 1), (2, 4, 2), (3, 3, 3), (2, 6, 2), (4, 2, 2)])
limits = st.sampled_from([(-np.inf, np.inf), (0.0, np.inf), (-0.3, 0.4)])


def weights(n_out: int, kernel: Any, n_in: int) -> tuple[Any, Any]:
    random = np.random.default_rng(5)
    return random.normal(size=(n_out, *kernel, n_in)), random.normal(size=n_out)


@settings(max_examples=60)
@given(small, small, sides, small, sizes, groupings, limits)
def test_conv2d(
    kernel: Any, stride: Any, pad: Any, dilation: Any, size: Any, grouping: Any, limit: Any
) -> None:
    n_in, n_out, groups = grouping
    weight, bias = weights(n_out, kernel, n_in // groups)
    op = Conv2d(weight, bias, stride, pad, dilation, groups, *limit)
    try:
        op.output_shape((*size, n_in))
    except ValueError:
        assume(False)
    top, left, bottom, right = pad

    def expected(x: torch.Tensor) -> torch.Tensor:
        wide = functional.pad(first(x), (left, right, top, bottom))
        w = torch.from_numpy(weight).permute(0, 3, 1, 2)
        y = functional.conv2d(wide, w, torch.from_numpy(bias), stride, 0, dilation, groups)
        return last(y.clamp(*limit))

    check(op, expected, (*size, n_in))


@settings(max_examples=60)
@given(small, small, small, small, sizes, groupings, limits, st.data())
def test_conv_transpose2d(
    kernel: Any,
    stride: Any,
    pad: Any,
    dilation: Any,
    size: Any,
    grouping: Any,
    limit: Any,
    data: Any,
) -> None:
    n_in, n_out, groups = grouping
    extra = tuple(
        data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    )
    weight, bias = weights(n_out, kernel, n_in // groups)
    op = ConvTranspose2d(weight, bias, stride, (*pad, *pad), extra, dilation, groups, *limit)
    try:
        op.output_shape((*size, n_in))
    except ValueError:
        assume(False)

    def expected(x: torch.Tensor) -> torch.Tensor:
        w = torch.from_numpy(weight).reshape(groups, n_out // groups, *kernel, -1)
        w = w.permute(0, 4, 1, 2, 3).reshape(n_in, n_out // groups, *kernel)
        y = functional.conv_transpose2d(
            first(x), w, torch.from_numpy(bias), stride, pad, extra, groups, dilation
        )
        return last(y.clamp(*limit))

    check(op, expected, (*size, n_in))


def test_a_transposed_convolution_cut_unevenly_is_the_cut_of_the_whole() -> None:
    weight, bias = weights(2, (3, 3), 2)
    op = ConvTranspose2d(weight, bias, (2, 2), (0, 1, 2, 0))

    def expected(x: torch.Tensor) -> torch.Tensor:
        w = torch.from_numpy(weight).permute(3, 0, 1, 2)
        y = functional.conv_transpose2d(first(x), w, torch.from_numpy(bias), 2)
        return last(y[:, :, 0 : y.shape[2] - 2, 1:])

    check(op, expected, (4, 3, 2))


@pytest.mark.parametrize("groups", [1, 2])
def test_fixed_order_is_the_plain_sum_over_taps_then_channels_bit_for_bit(groups: int) -> None:
    weight, bias = weights(2, (2, 3), 4 // groups)
    op = Conv2d(weight, bias, (2, 1), (1, 0, 0, 1), groups=groups)
    x = np.random.default_rng(1).normal(size=(1, 5, 4, 4))
    y = forward(one_node(op, (5, 4, 4)), x, fixed_order=True)
    padded = np.zeros((6, 5, 4))
    padded[1:, :4] = x[0]
    for (i, j, o), found in np.ndenumerate(y[0]):
        total = float(bias[o])
        channels = range(4) if groups == 1 else range(2 * o, 2 * o + 2)
        for row, column, _ in taps(op.windows, (3, 3)):
            for k, channel in enumerate(channels):
                value = float(padded[2 * i + row, j + column, channel])
                total += value * float(weight[o, row, column, k])
        assert total.hex() == float(found).hex()


@pytest.mark.parametrize(
    ("width", "stride", "dilation"), [(61, (1, 1), (1, 1)), (70, (2, 3), (1, 2))]
)
def test_long_lines_are_cut_into_blocks_and_give_the_same(
    width: int, stride: Any, dilation: Any
) -> None:
    weight, bias = weights(5, (3, 3), 16)
    op = Conv2d(weight, bias, stride, (1, 2, 1, 0), dilation, low=0.0)
    lines = Lines.of(op, (6, width, 16))
    assert lines.blocks > 1 and lines.blocks * lines.block > lines.counts[1]  # the last is wider
    graph, random = one_node(op, (6, width, 16)), np.random.default_rng(2)
    x = random.normal(size=(2, 6, width, 16))
    y = forward(graph, x, fixed_order=True)
    np.testing.assert_allclose(forward(graph, x), y, atol=1e-12)
    seed, move = random.normal(size=y.shape), 1e-6 * random.normal(size=x.shape)
    _, gradient = value_and_gradient(graph, x, seed)
    change = (forward(graph, x + move) - forward(graph, x - move)) * seed
    assert change.sum() == pytest.approx(2.0 * (gradient * move).sum(), rel=1e-5)
