"""Lowers Gemm, MatMul and BatchNormalization."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyexport.errors import FileFormatError, InvalidModelError
from pyexport.frontends.channels import on_channels_last
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.frontends.onnx.batch import aligned, operand, with_batch, without_batch
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, Stored, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.ir import Affine, Array, Conv2d, FloatArray, Linear, MatMul


def gemm(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """alpha * A @ B + beta * C with stored B and C: a linear layer."""
    alpha, beta = low.number(node, "alpha", 1.0), low.number(node, "beta", 1.0)
    if low.integer(node, "transA", 0):
        raise low.unsupported(node, "has transA, which mixes the batch; transpose before it")
    x = low.computed(node, 0)
    stored = low.stored(node, 1, "weight")
    if stored is None or stored.array.ndim != 2 or 0 in stored.array.shape:
        raise FileFormatError(f"{low.at(node)}: its weight is not a matrix")
    turned = bool(low.integer(node, "transB", 0))  # (n_out, n_in), as in the IR
    weight = low.floats(
        stored, ("gemm", turned, alpha), lambda a: _scaled(a if turned else a.T, alpha)
    )
    offset = low.stored(node, 2, "bias")
    bias = low.zeros(len(weight))
    if offset is not None:
        bias = low.floats(
            offset, ("bias", len(weight), beta), lambda a: _row(low, node, _scaled(a, beta), weight)
        )
    shape = shape_of(x, low)
    if len(shape) == 2 and shape[0] != 1 and low.batch_size == 1 and not low.symbolic:
        return [_every_row(low, node, without_batch(low, node, x), weight, bias)]
    return [_linear(low, node, with_batch(low, node, x, 0), weight, bias)]


def _every_row(low: Lowering, node: OnnxNode, x: Computed, weight: Array, bias: Array) -> Computed:
    """Return a linear layer on every row of a matrix, which are steps of one sequence."""
    n_out, n_in = weight.shape
    rows, width = x.value.shape
    if width != n_in:
        raise FileFormatError(f"{low.at(node)}: its weight takes {n_in} values, not {width}")
    image = low.reshaped(node, x.value, (1, rows, n_in))
    y = low.one(node, Conv2d(weight.reshape(n_out, 1, 1, n_in), bias), image)
    return Computed(low.reshaped(node, y, (rows, n_out)), None)


def _linear(low: Lowering, node: OnnxNode, x: Computed, weight: Array, bias: Array) -> Computed:
    if len(x.value.shape) != 1 or x.value.shape[0] != weight.shape[1]:
        raise FileFormatError(
            f"{low.at(node)}: its weight takes {weight.shape[1]} values, not "
            f"{show(shape_of(x, low))}; put a Flatten before it"
        )
    return Computed(low.one(node, Linear(weight, bias), x.value), x.batch)


def _scaled(array: Array, factor: float) -> Array:
    return array if factor == 1.0 else array.astype(np.float64) * factor


def _row(low: Lowering, node: OnnxNode, array: Array, weight: Array) -> Array:
    """Return C of a Gemm as one number an output."""
    size = len(weight)
    if (
        array.ndim > 2
        or array.size not in (1, size)
        or (array.ndim and array.shape[-1] not in (1, size))
    ):
        raise low.unsupported(
            node, f"adds a constant of shape {show(array.shape)}; use one number an output"
        )
    return np.broadcast_to(array.reshape(-1), (size,))


def matmul(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """A product over the last two axes; with stored weights behind it a linear layer."""
    a, b = operand(low, node, 0), operand(low, node, 1)
    if isinstance(a, Computed) and isinstance(b, Stored) and b.array.ndim == 2:
        rank = len(shape_of(a, low))
        if a.batch == rank - 1:
            a = without_batch(low, node, a)
        if a.value.shape[-1:] == b.array.shape[:1] and 0 not in b.array.shape:
            return [_weighted(low, node, a, b)]
    ranks = [x.array.ndim if isinstance(x, Stored) else len(shape_of(x, low)) for x in (a, b)]
    if min(ranks) < 2:
        raise low.unsupported(node, "multiplies a vector; give it two axes with Unsqueeze")
    values, batch = aligned(low, node, [a, b])
    if batch is not None and batch >= max(ranks) - 2:
        both = [without_batch(low, node, x) if isinstance(x, Computed) else x for x in (a, b)]
        values, batch = aligned(low, node, both)
    return [Computed(low.one(node, MatMul(), *values), batch)]


def _weighted(low: Lowering, node: OnnxNode, x: Computed, stored: Stored) -> Computed:
    """Return a linear layer on every vector of x: a convolution with a 1x1 kernel if several."""
    n_in, n_out = stored.array.shape
    shape = x.value.shape
    if len(shape) == 1:
        weight = low.floats(stored, ("gemm", False, 1.0), lambda array: array.T)
        return _linear(low, node, x, weight, low.zeros(n_out))
    kernel = low.floats(stored, "pointwise", lambda array: array.T.reshape(n_out, 1, 1, n_in))
    image = x.value
    if len(shape) != 3:
        image = low.reshaped(node, image, (1, math.prod(shape[:-1]), n_in))
    y = low.one(node, Conv2d(kernel, low.zeros(n_out)), image)
    return Computed(low.reshaped(node, y, (*shape[:-1], n_out)), x.batch)


def batch_normalization(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """scale * x + shift for each channel, with the statistics in the file."""
    if low.integer(node, "training_mode", 0) or any(node.outputs[1:]):
        raise InvalidModelError(
            f"{low.at(node)} is in training mode; call model.eval() before exporting"
        )
    x = with_batch(low, node, low.computed(node, 0), 0)
    channels = x.value.shape[:1]
    scale, bias, mean, variance = (
        _channel(low, node, i, name, channels)
        for i, name in enumerate(("scale", "bias", "mean", "variance"), 1)
    )
    eps = low.number(node, "epsilon", 1e-5)
    if not (variance + eps > 0).all():
        raise InvalidModelError(f"{low.at(node)}: its variance + epsilon is not positive")
    scale = scale / np.sqrt(variance + eps)
    shift = bias - mean * scale
    refuse_non_finite(f"{node.name} (folded)", np.concatenate([scale, shift]), low.where)
    y = on_channels_last(low.builder, Affine(scale, shift), x.value, low.source(node))
    return [Computed(y, 0)]


def _channel(
    low: Lowering, node: OnnxNode, index: int, name: str, channels: tuple[int, ...]
) -> FloatArray:
    stored = low.stored(node, index, name)
    if stored is None or stored.array.shape != channels:
        raise FileFormatError(f"{low.at(node)}: its {name} is not one number a channel")
    return low.floats(stored, "channel").astype(np.float64)
