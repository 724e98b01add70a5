"""The shapes of an operator's outputs, from those of its inputs."""

from __future__ import annotations

import math

import numpy as np

from pyexport.operators.activation import Activation, Clamp, PRelu
from pyexport.operators.base import Op, require
from pyexport.operators.conv import Conv2d, ConvTranspose2d
from pyexport.operators.elementwise import Add, Affine, Constant, Mul, Sub
from pyexport.operators.linear import Linear, MatMul
from pyexport.operators.normalize import LayerNorm, LogSoftmax, Softmax
from pyexport.operators.pool import AveragePool2d, MaxPool2d, Upsample2d
from pyexport.operators.recurrent import Gru, Lstm
from pyexport.operators.reduce import Argmax, Reduce
from pyexport.operators.shape import Concat, Identity, Pad, Permute, Reshape, Slice
from pyexport.operators.spiking import Encode, Lif, Readout

Shape = tuple[int, ...]


def output_shapes(op: Op, *shapes: Shape) -> tuple[Shape, ...]:
    """Return the shape of every output of a float operator; raises ValueError if they do not fit.

    A Linear takes any shape of the right size, and gives a flat one.
    """
    match op:
        case Constant():
            return (op.value.shape,)
        case Lstm() | Gru():
            return _recurrent(op, shapes)
        case Lif():
            return _lif(op, shapes)
        case Encode():
            return _encode(op, shapes)
        case Readout():
            return _readout(shapes)
        case Concat():
            return (_concat(op, shapes),)
        case Add() | Sub() | Mul():
            require(len(shapes) == 2, f"{op.kind}: takes 2 tensors, not {len(shapes)}")
            return (tuple(np.broadcast_shapes(*shapes)),)
        case MatMul():
            return (_matmul(*shapes),)
    require(len(shapes) == 1, f"{op.kind}: takes 1 tensor, not {len(shapes)}")
    return (_of_one(op, shapes[0]),)


def _of_one(op: Op, shape: Shape) -> Shape:
    match op:
        case Linear():
            n_out, n_in = op.weight.shape
            require(math.prod(shape) == n_in, f"linear: takes {n_in} values, not {shape}")
            return (n_out,)
        case Conv2d() | ConvTranspose2d() | MaxPool2d() | AveragePool2d() | Upsample2d():
            return op.output_shape(shape)
        case Permute() | Pad():
            rank = len(op.axes if isinstance(op, Permute) else op.pads)
            require(len(shape) == rank, f"{op.kind}: takes {rank} axes, not {shape}")
            return op.output_shape(shape)
        case Reduce() | Argmax():
            return op.output_shape(shape)
        case Reshape():
            require(
                math.prod(shape) == math.prod(op.shape),
                f"reshape: {shape} has other elements than {op.shape}",
            )
            return op.shape
        case Slice():
            taken = op.ranges()
            fits = len(taken) == len(shape) and all(
                min(part) >= 0 and max(part) < n for part, n in zip(taken, shape, strict=True)
            )
            require(fits, f"slice: leaves {shape}")
            return op.sizes
        case Affine() | PRelu():
            size = len(op.scale if isinstance(op, Affine) else op.slope)
            require(shape[-1:] == (size,), f"{op.kind}: {size} values on {shape}")
            return shape
        case LayerNorm():
            rank = op.weight.ndim
            require(shape[-rank:] == op.weight.shape, f"layer_norm: {op.weight.shape} on {shape}")
            return shape
        case Softmax() | LogSoftmax():
            require(-len(shape) <= op.axis < len(shape), f"{op.kind}: axis {op.axis} of {shape}")
            return shape
        case Clamp() | Activation() | Identity():
            return shape
    raise ValueError(f"{op.kind}: is not a float operator")


def _recurrent(op: Lstm | Gru, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    states = 2 if isinstance(op, Lstm) else 1
    size, n_in = op.size, op.weight_input.shape[1]
    fits = len(shapes) == 1 + states and all(shape == (size,) for shape in shapes[1:])
    require(
        fits and len(shapes[0]) == 2 and shapes[0][1] == n_in,
        f"{op.kind}: takes (steps, {n_in}) and {states} of ({size},), not {shapes}",
    )
    return ((shapes[0][0], size), *shapes[1:])


def _lif(op: Lif, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    n, states = op.size, len(op.states)
    fits = len(shapes) == 1 + states and all(shape == (n,) for shape in shapes[1:])
    require(
        fits and len(shapes[0]) == 2 and shapes[0][1] == n,
        f"lif: takes (steps, {n}) and {states} of ({n},), not {shapes}",
    )
    return (shapes[0], shapes[0], *shapes[1:])


def _encode(op: Encode, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    if op.encoding != "delta":
        require(len(shapes) == 1 and len(shapes[0]) == 1, f"encode: takes (n,), not {shapes}")
        return ((op.steps, *shapes[0]),)
    fits = len(shapes) == 2 and len(shapes[0]) == 2 and shapes[0] == (op.steps, *shapes[1])
    require(fits, f"encode: takes ({op.steps}, n) and (n,), not {shapes}")
    return ((op.steps, 2 * shapes[0][1]), shapes[1])


def _readout(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    fits = len(shapes) == 2 and len(shapes[0]) == 2 and shapes[0] == shapes[1]
    require(fits, f"readout: takes (steps, n) twice, not {shapes}")
    return (shapes[0][1:],)


def _concat(op: Concat, shapes: tuple[Shape, ...]) -> Shape:
    axis = op.axis
    require(bool(shapes) and axis < len(shapes[0]), f"concat: axis {axis} of {shapes}")
    rests = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    require(len(rests) == 1 and len({len(s) for s in shapes}) == 1, f"concat: of {shapes}")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _matmul(*shapes: Shape) -> Shape:
    fits = len(shapes) == 2 and all(len(shape) >= 2 for shape in shapes)
    require(fits and shapes[0][-1] == shapes[1][-2], f"matmul: of {shapes}")
    leading = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    return (*leading, shapes[0][-2], shapes[1][-1])
