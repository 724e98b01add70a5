"""Pooling and enlarging against PyTorch, over drawn windows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pyexport.ir import AveragePool2d, MaxPool2d, Upsample2d
from tests.reference.autograd import check, first, last

pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
sizes = st.tuples(st.integers(1, 8), st.integers(1, 8))


def drawn_pad(data: Any, kernel: Any) -> tuple[int, int]:
    return data.draw(st.integers(0, kernel[0] // 2)), data.draw(st.integers(0, kernel[1] // 2))


@settings(max_examples=60)
@given(pairs, pairs, pairs, sizes, st.booleans(), st.data())
def test_max_pool2d(
    kernel: Any, stride: Any, dilation: Any, size: Any, ceil: bool, data: Any
) -> None:
    pad = drawn_pad(data, kernel)
    op = MaxPool2d(kernel, stride, (*pad, *pad), dilation, ceil)
    try:
        op.output_shape((*size, 2))
    except ValueError:
        assume(False)
    check(
        op,
        lambda x: last(functional.max_pool2d(first(x), kernel, stride, pad, dilation, ceil)),
        (*size, 2),
    )


@settings(max_examples=60)
@given(pairs, pairs, sizes, st.booleans(), st.booleans(), st.data())
def test_average_pool2d(
    kernel: Any, stride: Any, size: Any, ceil: bool, include_pad: bool, data: Any
) -> None:
    pad = drawn_pad(data, kernel)
    op = AveragePool2d(kernel, stride, (*pad, *pad), ceil, include_pad)
    try:
        op.output_shape((*size, 2))
    except ValueError:
        assume(False)
    check(
        op,
        lambda x: last(functional.avg_pool2d(first(x), kernel, stride, pad, ceil, include_pad)),
        (*size, 2),
    )


@pytest.mark.parametrize("scale", [(1, 1), (2, 2), (3, 1), (1, 4)])
def test_upsample2d(scale: tuple[int, int]) -> None:
    check(
        Upsample2d(scale),
        lambda x: last(functional.interpolate(first(x), scale_factor=scale, mode="nearest")),
        (3, 4, 2),
    )


def test_the_first_of_equal_elements_takes_the_gradient() -> None:
    def pooled(x: torch.Tensor) -> torch.Tensor:
        return last(functional.max_pool2d(first(x), 2))

    check(MaxPool2d((2, 2), (2, 2)), pooled, (4, 4, 1), spread=0.0)
