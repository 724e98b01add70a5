"""Operators say the shapes of their outputs as PyTorch does, and refuse inputs that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional

from pyexport.ir import (
    Affine,
    Argmax,
    AveragePool2d,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Encode,
    Gru,
    LayerNorm,
    Lif,
    Linear,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Permute,
    PRelu,
    QuantizedSoftmax,
    Readout,
    Reduce,
    Reshape,
    Slice,
    Softmax,
    Upsample2d,
    output_shapes,
)

pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(pairs, pairs, pairs, pairs, st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_a_convolution_has_as_many_windows_as_in_torch(
    kernel: Any, stride: Any, pad: Any, dilation: Any, size: Any
) -> None:
    op = Conv2d(np.zeros((3, *kernel, 2)), np.zeros(3), stride, (pad[0], pad[1], *pad), dilation)
    x = torch.zeros(1, 2, *size)
    weight = torch.zeros(3, 2, *kernel)
    try:
        expected = functional.conv2d(x, weight, None, stride, pad, dilation).shape[2:]
    except RuntimeError:
        with pytest.raises(ValueError, match="none fits"):
            op.output_shape((*size, 2))
        return
    assert op.output_shape((*size, 2)) == (*expected, 3)


@given(pairs, pairs, st.data(), st.booleans())
def test_pooling_has_as_many_windows_as_in_torch(
    kernel: Any, stride: Any, data: Any, ceil: bool
) -> None:
    pad = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(data.draw(st.integers(1, 12)) for _ in kernel)
    x = torch.zeros(1, 2, *size)
    try:
        expected = functional.max_pool2d(x, kernel, stride, pad, 1, ceil_mode=ceil).shape[2:]
    except RuntimeError:
        expected = torch.Size((0,))
    op = MaxPool2d(kernel, stride, (*pad, *pad), (1, 1), ceil)
    if 0 in expected:
        with pytest.raises(ValueError, match="none fits"):
            op.output_shape((*size, 2))
    else:
        assert op.output_shape((*size, 2)) == (*expected, 2)
        assert AveragePool2d(kernel, stride, (*pad, *pad), ceil).output_shape((*size, 2)) == (
            *expected,
            2,
        )


@given(pairs, pairs, pairs, pairs, pairs, st.data())
def test_a_transposed_convolution_is_as_large_as_in_torch(
    kernel: Any, stride: Any, pad: Any, dilation: Any, size: Any, data: Any
) -> None:
    extra = tuple(
        data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    )
    op = ConvTranspose2d(
        np.zeros((3, *kernel, 2)), np.zeros(3), stride, (*pad, *pad), extra, dilation
    )
    weight = torch.zeros(2, 3, *kernel)
    try:
        expected = functional.conv_transpose2d(
            torch.zeros(1, 2, *size), weight, None, stride, pad, extra, 1, dilation
        ).shape[2:]
    except RuntimeError:
        expected = torch.Size((0,))
    assume(0 not in expected)
    assert op.output_shape((*size, 2)) == (*expected, 3)


@pytest.mark.parametrize(
    ("op", "shapes", "expected"),
    [
        (Linear(np.zeros((2, 6)), np.zeros(2)), [(3, 2)], [(2,)]),
        (MatMul(), [(4, 2, 3), (3, 5)], [(4, 2, 5)]),
        (Mul(), [(4, 5, 3), (1, 1, 3)], [(4, 5, 3)]),
        (Mul(), [(4, 5, 3), (3,)], [(4, 5, 3)]),
        (Constant(np.zeros((2, 1))), [], [(2, 1)]),
        (Concat(1), [(2, 3), (2, 4)], [(2, 7)]),
        (Pad(((1, 2), (0, 3))), [(2, 3)], [(5, 6)]),
        (Slice((1, 0), (2, 2), (1, 2)), [(3, 4)], [(2, 2)]),
        (Permute((2, 0, 1)), [(2, 3, 4)], [(4, 2, 3)]),
        (Reduce("mean", (0, 1)), [(2, 3, 4)], [(4,)]),
        (Reduce("max", (1,), True), [(2, 3, 4)], [(2, 1, 4)]),
        (Argmax(0), [(2, 3)], [(3,)]),
        (Upsample2d((2, 3)), [(4, 5, 6)], [(8, 15, 6)]),
        (Lstm(np.zeros((8, 3)), np.zeros((8, 2)), np.zeros(8)), [(7, 3), (2,), (2,)],
         [(7, 2), (2,), (2,)]),
        (Gru(np.zeros((6, 3)), np.zeros((6, 2)), np.zeros(6), np.zeros(6)), [(7, 3), (2,)],
         [(7, 2), (2,)]),
        (LayerNorm(np.ones(3), np.zeros(3), 1e-5), [(2, 3)], [(2, 3)]),
        (Lif(np.ones(3), np.ones(3)), [(7, 3), (3,)], [(7, 3), (7, 3), (3,)]),
        (Lif(np.ones(3), np.ones(3), np.ones(3), "zero", False, refractory=1),
         [(7, 3), (3,), (3,), (3,)], [(7, 3), (7, 3), (3,), (3,), (3,)]),
        (Encode("latency", 5), [(3,)], [(5, 3)]),
        (Encode("delta", 5, threshold=1.0), [(5, 3), (3,)], [(5, 6), (3,)]),
        (Readout("count"), [(5, 3), (5, 3)], [(3,)]),
    ],
)  # fmt: skip
def test_the_shapes_of_outputs_follow_from_those_of_inputs(
    op: Op, shapes: Any, expected: Any
) -> None:
    assert list(output_shapes(op, *shapes)) == expected


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (Linear(np.zeros((2, 6)), np.zeros(2)), [(5,)], "linear: takes 6"),
        (MatMul(), [(2, 3), (2, 3)], "matmul"),
        (Mul(), [(2, 3)], "mul: takes 2"),
        (Mul(), [(2, 3), (4, 3)], "broadcast"),
        (Softmax(), [(2,), (2,)], "softmax: takes 1"),
        (Softmax(1), [(2,)], "axis 1"),
        (Concat(0), [(2, 3), (2, 4)], "concat"),
        (Concat(2), [(2, 3)], "concat"),
        (Pad(((1, 2),)), [(2, 3)], "pad: takes 1 axes"),
        (Slice((1,), (3,), (1,)), [(3,)], "slice: leaves"),
        (Reshape((4,)), [(5,)], "reshape"),
        (Reduce("sum", (2,)), [(2, 2)], "axes"),
        (Affine(np.ones(3), np.ones(3)), [(3, 2)], "affine: 3 values"),
        (PRelu(np.ones(3)), [(2,)], "prelu: 3 values"),
        (LayerNorm(np.ones(3), np.zeros(3), 1e-5), [(2,)], "layer_norm"),
        (Conv2d(np.zeros((1, 1, 1, 2)), np.zeros(1)), [(4, 4, 3)], "conv2d: takes"),
        (Conv2d(np.zeros((1, 5, 5, 1)), np.zeros(1)), [(4, 4, 1)], "none fits into 4x4"),
        (MaxPool2d((2, 2), (2, 2), (0, 0, 3, 0)), [(4, 4, 1)], "padding alone"),
        (MaxPool2d((2, 2), (2, 2)), [(4, 4)], "max_pool2d: takes"),
        (Gru(np.zeros((6, 3)), np.zeros((6, 2)), np.zeros(6), np.zeros(6)), [(7, 3)], "gru"),
        (QuantizedSoftmax(np.zeros(256)), [(2,)], "not a float operator"),
        (Lif(np.ones(3), np.ones(3)), [(7, 3), (2,)], "lif: takes"),
        (Lif(np.ones(3), np.ones(3)), [(7, 3)], "lif: takes"),
        (Encode("rate", 5), [(2, 3)], "encode: takes"),
        (Encode("delta", 5, threshold=1.0), [(4, 3), (3,)], "encode: takes"),
        (Readout("count"), [(5, 3), (4, 3)], "readout: takes"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(op: Op, shapes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        output_shapes(op, *shapes)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Conv2d(np.zeros((2, 3, 3)), np.zeros(2)), "conv2d: weight"),
        (lambda: Conv2d(np.zeros((2, 3, 3, 1)), np.zeros(3)), "conv2d: weight"),
        (lambda: Conv2d(np.zeros((3, 1, 1, 1)), np.zeros(3), groups=2), "groups 2"),
        (lambda: Conv2d(np.zeros((1, 1, 1, 1)), np.zeros(1), (0, 1)), "stride below 1"),
        (lambda: Conv2d(np.zeros((1, 1, 1, 1)), np.zeros(1), pad=(-1, 0, 0, 0)), "negative"),
        (lambda: ConvTranspose2d(np.zeros((1, 1, 1, 1)), np.zeros(1), output_pad=(-1, 0)), "neg"),
        (lambda: Pad(((-1, 0),)), "negative padding"),
        (lambda: Slice((0,), (1,), (0,)), "steps"),
        (lambda: Slice((-1,), (1,), (1,)), "starts"),
        (lambda: Permute((0, 0)), "no order"),
        (lambda: Reduce("prod", (0,)), "unknown"),
        (lambda: Reduce("mean", ()), "axes"),
        (lambda: Reduce("mean", (1, 0)), "axes"),
        (lambda: Upsample2d((0, 1)), "below 1"),
        (lambda: PRelu(np.zeros((2, 2))), "slope"),
        (lambda: LayerNorm(np.ones(3), np.ones(2), 1e-5), "layer_norm"),
        (lambda: LayerNorm(np.ones(3), np.ones(3), -1.0), "eps"),
        (lambda: Lstm(np.zeros((8, 3)), np.zeros((8, 3)), np.zeros(8)), "lstm"),
        (lambda: Gru(np.zeros((6, 3)), np.zeros((6, 2)), np.zeros(6), np.zeros(5)), "biases"),
        (lambda: Lif(np.ones(3), np.ones(2)), "sizes differ"),
        (lambda: Lif(np.ones(3), np.ones(3), np.ones(2)), "alpha"),
        (lambda: Lif(np.full(3, 1.01), np.ones(3)), "beta outside"),
        (lambda: Lif(np.full(3, np.nan), np.ones(3)), "beta outside"),
        (lambda: Lif(np.ones(3), np.zeros(3)), "not above 0"),
        (lambda: Lif(np.ones(3), np.ones(3), reset="soft"), "reset 'soft'"),
        (lambda: Lif(np.ones(3), np.ones(3), compare=">"), "compare '>'"),
        (lambda: Lif(np.ones(3), np.ones(3), v_reset=0.5), "v_reset needs"),
        (lambda: Lif(np.ones(1), np.ones(1), np.ones(0), "zero", False, v_reset=1.0), "not below"),
        (lambda: Lif(np.ones(3), np.ones(3), reset="carry"), "reset carry"),
        (lambda: Lif(np.ones(3), np.ones(3), refractory=2), "refractory needs"),
        (lambda: Encode("burst", 5), "'burst'"),
        (lambda: Encode("rate", 0), "0 steps"),
        (lambda: Encode("rate", 5, 1.0, 1.0), "range 1..1"),
        (lambda: Encode("delta", 5), "a threshold of 0"),
        (lambda: Encode("rate", 5, threshold=0.1), "a threshold of 0.1"),
        (lambda: Readout("mean"), "'mean'"),
    ],
)
def test_an_operator_checks_its_attributes(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_operators_made_from_one_frozen_array_share_it() -> None:
    weight = np.ones((2, 3))
    first = Linear(weight, np.zeros(2))
    assert first.weight is not weight  # the caller could still change it
    assert Linear(first.weight, np.zeros(2)).weight is first.weight


def test_depthwise_is_a_convolution_with_one_channel_a_group() -> None:
    assert Conv2d(np.zeros((6, 3, 3, 1)), np.zeros(6), groups=3).depthwise
    assert not Conv2d(np.zeros((6, 3, 3, 2)), np.zeros(6), groups=3).depthwise
    assert not Conv2d(np.zeros((6, 3, 3, 1)), np.zeros(6)).depthwise
