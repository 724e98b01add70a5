"""Lowers what works over whole axes: reductions, softmax, argmax, layer normalization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pyexport.errors import FileFormatError
from pyexport.frontends.onnx.batch import axis_of, checked_axis, without_batch
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.ir import Argmax, Array, LayerNorm, LogSoftmax, Op, Reduce, Softmax

Handler = Callable[[Lowering, OnnxNode], Sequence[Known]]


def reduce(function: str) -> Handler:
    """Return the handler of ReduceMean, ReduceSum or ReduceMax."""

    def handler(low: Lowering, node: OnnxNode) -> Sequence[Known]:
        x = low.computed(node, 0)
        rank = len(shape_of(x, low))
        axes = low.integers(node, "axes") or low.numbers(node, 1, "axes")
        if not axes:
            if low.integer(node, "noop_with_empty_axes", 0):
                return [x]
            axes = list(range(rank))
        return [reduced(low, node, x, axes, function, bool(low.integer(node, "keepdims", 1)))]

    return handler


def reduced(
    low: Lowering, node: OnnxNode, x: Computed, axes: Sequence[int], function: str, keep: bool
) -> Computed:
    """Return the reduction of x over axes of ONNX's shape."""
    places = sorted({checked_axis(low, node, axis, len(shape_of(x, low))) for axis in axes})
    if x.batch in places:
        x = without_batch(low, node, x)
    inner = tuple(axis - (x.batch is not None and axis > x.batch) for axis in places)
    if not x.value.shape:
        return x
    return _reduced(low, node, x, Reduce(function, inner, keep=True), inner, keep)


def _reduced(
    low: Lowering, node: OnnxNode, x: Computed, op: Reduce | Argmax, axes: Sequence[int], keep: bool
) -> Computed:
    """Emit a reduction; its axes, as counted in the value, are left out unless `keep`.

    A tensor without axes is not known to the operators, so the last axis goes by a reshape.
    """
    rest = tuple(n for axis, n in enumerate(x.value.shape) if axis not in axes)
    if not keep and rest:
        op = replace(op, keep=False)
    value = low.one(node, op, x.value)
    batch = x.batch
    if keep:
        return Computed(value, batch)
    if batch is not None:
        batch -= sum(axis < batch for axis in axes)
    return Computed(low.reshaped(node, value, rest), batch)


def global_pool(function: str) -> Handler:
    """Return the handler of a reduction over all axes but batch and channels, which stay as 1."""

    def handler(low: Lowering, node: OnnxNode) -> Sequence[Known]:
        x = low.computed(node, 0)
        rank = len(shape_of(x, low))
        if rank < 3:
            raise FileFormatError(f"{low.at(node)} pools {show(shape_of(x, low))}")
        return [reduced(low, node, x, range(2, rank), function, True)]

    return handler


def along_axis(make: Callable[[int], Op]) -> Handler:
    """Return the handler of Softmax or LogSoftmax."""

    def handler(low: Lowering, node: OnnxNode) -> Sequence[Known]:
        x, axis = axis_of(low, node, low.computed(node, 0), low.integer(node, "axis", -1))
        axis = -1 if axis == len(x.value.shape) - 1 else axis
        return [Computed(low.one(node, make(axis), x.value), x.batch)]

    return handler


def argmax(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """The index of the largest element along an axis, the lowest one of equals."""
    if low.integer(node, "select_last_index", 0):
        raise low.unsupported(node, "selects the last of equal elements; use select_last_index=0")
    keep = bool(low.integer(node, "keepdims", 1))
    x, axis = axis_of(low, node, low.computed(node, 0), low.integer(node, "axis", 0))
    return [_reduced(low, node, x, Argmax(axis, keep=True), (axis,), keep)]


def layer_norm(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Normalized over the axes from `axis` to the last one, with stored weights."""
    if any(node.outputs[1:]):
        raise low.unsupported(node, "gives mean and deviation as outputs; keep the first output")
    x, axis = axis_of(low, node, low.computed(node, 0), low.integer(node, "axis", -1))
    if x.batch is not None and x.batch > axis:
        x = without_batch(low, node, x)
    sizes = x.value.shape[axis:]
    weight, bias = low.stored(node, 1, "scale"), low.stored(node, 2, "bias")
    for stored in (weight, bias):
        if stored is not None and np.broadcast_shapes(stored.array.shape, sizes) != sizes:
            raise FileFormatError(
                f"{low.at(node)}: its weights {show(stored.array.shape)} do not fit {show(sizes)}"
            )

    def spread(array: Array) -> Array:
        return np.broadcast_to(array, sizes)

    scales = np.ones(sizes, np.float32) if weight is None else low.floats(weight, sizes, spread)
    shifts = np.zeros(sizes, np.float32) if bias is None else low.floats(bias, sizes, spread)
    op = LayerNorm(scales, shifts, low.number(node, "epsilon", 1e-5))
    return [Computed(low.one(node, op, x.value), x.batch)]


HANDLERS: dict[str, Handler] = {
    "ReduceMean": reduce("mean"),
    "ReduceSum": reduce("sum"),
    "ReduceMax": reduce("max"),
    "GlobalAveragePool": global_pool("mean"),
    "GlobalMaxPool": global_pool("max"),
    "Softmax": along_axis(Softmax),
    "LogSoftmax": along_axis(LogSoftmax),
    "ArgMax": argmax,
    "LayerNormalization": layer_norm,
}
