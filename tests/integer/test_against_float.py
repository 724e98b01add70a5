"""Integers mean what the float operators mean: every operator near the float64 reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pyexport.ir import (
    Activation,
    Add,
    Argmax,
    AveragePool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Dataset,
    Graph,
    Gru,
    LayerNorm,
    LogSoftmax,
    Lstm,
    MatMul,
    MaxPool2d,
    Mul,
    Node,
    Op,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Slice,
    Softmax,
    Sub,
    Tensor,
    Upsample2d,
    output_shapes,
)
from pyexport.quantize import quantize_int8
from pyexport.reference import forward
from pyexport.simulator.fast import FastSimulator

IMAGE = (5, 6, 4)
SEQUENCE = (8, 3)
RANDOM = np.random.default_rng(7)


def normal(*shape: int, gain: float = 1.0) -> Any:
    return (gain * RANDOM.normal(size=shape)).astype(np.float32)


def conv(kernel: tuple[int, int], groups: int = 1, **options: Any) -> Conv2d:
    return Conv2d(normal(8, *kernel, 4 // groups), normal(8), groups=groups, **options)


ONE: dict[str, tuple[tuple[int, ...], Op]] = {
    "conv": (IMAGE, conv((3, 3), pad=(1, 1, 1, 1))),
    "conv with uneven padding": (IMAGE, conv((3, 2), pad=(2, 0, 0, 1), stride=(2, 1))),
    "dilated conv": (IMAGE, conv((2, 3), dilation=(2, 2), pad=(0, 1, 0, 1))),
    "grouped conv": (IMAGE, conv((2, 2), 2, low=0.0)),
    "depthwise conv": (IMAGE, conv((3, 3), 4, pad=(1, 1, 1, 1), low=0.0)),
    "conv1d": ((1, 9, 4), conv((1, 3), stride=(1, 2), pad=(0, 1, 0, 1))),
    "transposed conv": (
        (3, 4, 2),
        ConvTranspose2d(normal(3, 3, 2, 2), normal(3), (2, 2), (1, 0, 0, 1), (1, 0)),
    ),
    "grouped transposed conv": (
        (3, 4, 2),
        ConvTranspose2d(normal(4, 2, 3, 1), normal(4), (3, 1), dilation=(1, 2), groups=2),
    ),
    "max pool": (IMAGE, MaxPool2d((2, 3), (2, 2), (0, 1, 0, 1), ceil=True)),
    "average pool": (IMAGE, AveragePool2d((2, 2), (2, 2), (1, 1, 1, 1), True, False)),
    "average pool that counts padding": (IMAGE, AveragePool2d((3, 3), (2, 2), (1, 1, 1, 1), True)),
    "global mean": (IMAGE, Reduce("mean", (0, 1))),
    "sum of channels": (IMAGE, Reduce("sum", (2,), True)),
    "largest row": (IMAGE, Reduce("max", (0,))),
    "permute": (IMAGE, Permute((2, 0, 1))),
    "slice": (IMAGE, Slice((1, 0, 2), (2, 3, 2), (2, 2, 1))),
    "upsample": (IMAGE, Upsample2d((2, 3))),
    "pad": (IMAGE, Pad(((1, 0), (0, 2), (1, 1)))),
    "pad with another value": (IMAGE, Pad(((1, 0), (0, 2), (0, 0)), 30.0)),
    "clamp": (IMAGE, Clamp(-3.0, 6.0)),
    "softmax of rows": (IMAGE, Softmax()),
    "softmax of channels": (IMAGE, Softmax(0)),
    "log softmax": (IMAGE, LogSoftmax()),
    "argmax": (IMAGE, Argmax(1)),
    "layer norm": ((5, 12), LayerNorm(normal(12), normal(12), 1e-5)),
    "layer norm of two axes": (IMAGE, LayerNorm(normal(6, 4), normal(6, 4), 1e-5)),
    "layer norm of all axes": (IMAGE, LayerNorm(normal(*IMAGE), normal(*IMAGE), 1e-5)),
    "layer norm of a long row": ((2, 300), LayerNorm(normal(300), normal(300), 1e-3)),
    "prelu": (IMAGE, PRelu(normal(4))),
    **{
        name: (IMAGE, Activation(name, parameters))
        for name, parameters in {
            "leaky_relu": (0.2,), "elu": (1.0, 1.0), "sigmoid": (), "tanh": (), "hardsigmoid": (),
            "hardswish": (), "silu": (), "gelu": (), "softplus": (1.0, 20.0),
        }.items()
    },
}  # fmt: skip
TWO: dict[str, tuple[tuple[int, ...], Op]] = {
    "add": (IMAGE, Add()),
    "add channels": ((4,), Add(0.0, math.inf)),
    "sub": (IMAGE, Sub()),
    "sub a row": ((1, 6, 1), Sub()),
    "mul": (IMAGE, Mul()),
    "mul by a scalar": ((1,), Mul()),
    "concat": (IMAGE, Concat(2)),
    "matmul of one matrix": ((4, 3), MatMul()),
}


def one_node(shape: tuple[int, ...], op: Op) -> Graph:
    (made,) = output_shapes(op, shape)
    tensors = (Tensor("x", shape), Tensor("y", made))
    return Graph(tensors, (Node("n", op, ("x",), ("y",), "net"),), ("x",), ("y",))


def compare(graph: Graph, low: float, high: float, units: float) -> None:
    """Require that every output is within some output units of the float64 reference."""
    rows = low + (high - low) * np.random.default_rng(1).random((60, *graph.input.shape))
    integer = quantize_int8(graph, (low, high), Dataset(rows)).graph
    source, target = integer.input.quant, integer.output.quant
    assert source is not None
    assert target is not None
    outputs = target.dequantize(FastSimulator(integer).run(source.quantize(rows).astype(
        np.uint8 if source.dtype == "u8" else np.int8
    )))  # fmt: skip
    wanted = forward(graph, source.dequantize(source.quantize(rows))).reshape(len(rows), -1)
    wanted = np.clip(wanted, *target.dequantize([target.low, target.high]))
    assert np.abs(outputs - wanted).max() <= units * target.scale


@pytest.mark.parametrize("span", [(-4.0, 5.0), (0.0, 7.3)])
@pytest.mark.parametrize("name", ONE)
def test_operators_of_one_tensor(name: str, span: tuple[float, float]) -> None:
    shape, op = ONE[name]
    compare(one_node(shape, op), *span, 3.0)


@pytest.mark.parametrize("name", TWO)
def test_operators_of_two_tensors(name: str) -> None:
    """The second operand is another curve of the same input, taken from its front."""
    shape, op = TWO[name]
    half = Activation("tanh")
    part = Slice((0, 0, 0), (1,) * (3 - len(shape)) + shape, (1, 1, 1))
    (made,) = output_shapes(op, IMAGE, part.sizes)
    tensors = (
        Tensor("x", IMAGE), Tensor("part", part.sizes), Tensor("curve", part.sizes),
        Tensor("y", made),
    )  # fmt: skip
    nodes = (
        Node("a", part, ("x",), ("part",)),
        Node("b", half, ("part",), ("curve",)),
        Node("c", op, ("x", "curve"), ("y",), "net"),
    )
    compare(Graph(tensors, nodes, ("x",), ("y",)), -4.0, 5.0, 3.0)


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_recurrent_layers(kind: str, every: bool) -> None:
    n, (steps, n_in) = 5, SEQUENCE
    op: Lstm | Gru
    if kind == "lstm":
        op = Lstm(normal(4 * n, n_in), normal(4 * n, n, gain=0.5), normal(4 * n))
    else:
        op = Gru(normal(3 * n, n_in), normal(3 * n, n, gain=0.5), normal(3 * n), normal(3 * n))
    states = ("zero",) * (2 if kind == "lstm" else 1)
    names = ("every", "h", "c")[: 1 + len(states)]
    tensors = (
        Tensor("x", SEQUENCE), Tensor("zero", (n,)), Tensor("every", (steps, n)),
        *(Tensor(name, (n,)) for name in names[1:]),
    )  # fmt: skip
    nodes = (
        Node("z", Constant(np.zeros(n)), (), ("zero",)),
        Node("r", op, ("x", *states), names, "net.rnn"),
    )
    graph = Graph(tensors, nodes, ("x",), ("every" if every else "h",))
    compare(graph, -1.0, 1.0, 3.0)
