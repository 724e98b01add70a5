"""Lowers arithmetic of two tensors, and arithmetic of a tensor with stored numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pyexport.frontends.channels import channels_first, channels_last
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import refuse_non_finite
from pyexport.frontends.onnx.batch import aligned, numbers_for, operand
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, Stored, shape_of
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.ir import Add, Affine, Array, Clamp, FloatArray, Mul, Op, Permute, Sub

Handler = Callable[[Lowering, OnnxNode], Sequence[Known]]


def add(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """a + b: an affine map where one is stored."""
    return _two(low, node, Add(), lambda c: (1.0, c), lambda c: (1.0, c))


def sub(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """a - b."""
    return _two(low, node, Sub(), lambda c: (1.0, -c), lambda c: (-1.0, c))


def mul(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """a * b."""
    return _two(low, node, Mul(), lambda c: (c, 0.0), lambda c: (c, 0.0))


def div(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """a / b with a stored b."""
    a, b = operand(low, node, 0), operand(low, node, 1)
    if isinstance(a, Stored) or not isinstance(b, Stored):
        raise low.unsupported(node, "divides by a computed tensor")
    with np.errstate(divide="ignore"):  # what is not finite is refused, by name
        return [_with_constant(low, node, a, b, Mul(), lambda c: (1.0 / c, 0.0))]


def neg(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """-x."""
    x = low.computed(node, 0)
    y = affine(low, node, x, np.array(-1.0), np.array(0.0))
    return [y]


def total(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """The sum of any number of tensors."""
    return [_sum(low, node)]


def mean(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """The mean of any number of tensors."""
    x = _sum(low, node)
    return [affine(low, node, x, np.array(1.0 / len(node.inputs)), np.array(0.0))]


def power(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """x to the power of 2."""
    x = low.computed(node, 0)
    stored = low.stored(node, 1, "exponent")
    if stored is None or stored.array.size != 1 or float(stored.array.reshape(-1)[0]) != 2.0:
        raise low.unsupported(node, "has another exponent than 2; multiply the tensor by itself")
    return [Computed(low.one(node, Mul(), x.value, x.value), x.batch)]


def limit(side: str) -> Handler:
    """Return the handler of Max or Min of a tensor and single numbers: a clamp."""

    def handler(low: Lowering, node: OnnxNode) -> Sequence[Known]:
        operands = [operand(low, node, i) for i in range(len(node.inputs))]
        computed = [x for x in operands if isinstance(x, Computed)]
        stored = [x for x in operands if isinstance(x, Stored)]
        if len(computed) != 1 or any(x.array.size != 1 for x in stored):
            raise low.unsupported(node, "compares two tensors, or one with several numbers")
        numbers = [float(low.floats(x, "limit").reshape(-1)[0]) for x in stored]
        low_limit = max(numbers, default=-math.inf) if side == "max" else -math.inf
        high_limit = min(numbers, default=math.inf) if side == "min" else math.inf
        (x,) = computed
        return [Computed(low.one(node, Clamp(low_limit, high_limit), x.value), x.batch)]

    return handler


def _sum(low: Lowering, node: OnnxNode) -> Computed:
    operands = [operand(low, node, i) for i in range(len(node.inputs))]
    if len(operands) == 1:
        return low.computed(node, 0)
    values, batch = aligned(low, node, operands)
    result = values[0]
    for value in values[1:]:
        result = low.one(node, Add(), result, value)
    return Computed(result, batch)


Terms = Callable[[FloatArray], tuple[FloatArray | float, FloatArray | float]]


def _two(low: Lowering, node: OnnxNode, op: Op, right: Terms, left: Terms) -> Sequence[Known]:
    """Emit op; if one operand is stored, the affine map that it is of the other."""
    a, b = operand(low, node, 0), operand(low, node, 1)
    if isinstance(a, Computed) and isinstance(b, Stored):
        return [_with_constant(low, node, a, b, op, right)]
    if isinstance(b, Computed) and isinstance(a, Stored):
        return [_with_constant(low, node, b, a, op, left)]
    values, batch = aligned(low, node, [a, b])
    return [Computed(low.one(node, op, *values), batch)]


def _with_constant(
    low: Lowering, node: OnnxNode, x: Computed, stored: Stored, op: Op, terms: Terms
) -> Computed:
    shape = shape_of(x, low)
    numbers = low.floats(stored, "operand").astype(np.float64)
    if np.broadcast_shapes(shape, numbers.shape) != shape:  # the constant makes it larger
        operands: list[Computed | Stored] = [x, stored]
        ordered = operands if low.known(node, 0) is not stored else operands[::-1]
        values, batch = aligned(low, node, ordered)
        return Computed(low.one(node, op, *values), batch)
    scale, shift = terms(numbers)
    return affine(low, node, x, np.asarray(scale), np.asarray(shift))


def affine(low: Lowering, node: OnnxNode, x: Computed, scale: Array, shift: Array) -> Computed:
    """Emit scale * x + shift for numbers that broadcast to x, as ONNX has its axes."""
    numbers = [numbers_for(low, node, x, a) for a in (scale, shift)]
    refuse_non_finite(f"the constant of {low.at(node)}", np.stack(numbers), low.where)
    low.charge(2 * numbers[0].size, node)
    value = per_element(low, node, x.value, numbers, lambda s, t: Affine(s, t))
    return Computed(value, x.batch)


def per_element(
    low: Lowering, node: OnnxNode, x: Value, numbers: Sequence[Array], make: Callable[..., Op]
) -> Value:
    """Emit an operator with one number for each element of the last axis.

    `numbers` have the shape of x. The axis along which they differ becomes the last one; where they
    differ along several, x is made flat. Single numbers are one a channel, on images too.
    """
    shape = x.shape or (1,)
    numbers = [a.reshape(shape) for a in numbers]
    axes = [i for i, n in enumerate(shape) if n > 1 and any(_differs(a, i) for a in numbers)]
    if len(axes) > 1 or not x.shape:
        flat = low.reshaped(node, x, (math.prod(shape),))
        y = low.one(node, make(*(a.reshape(-1) for a in numbers)), flat)
        return low.reshaped(node, y, x.shape)
    axis = axes[0] if axes else (0 if len(shape) == 3 else len(shape) - 1)
    lines = [np.moveaxis(a, axis, -1).reshape(-1, shape[axis])[0] for a in numbers]
    if axis == len(shape) - 1:
        return low.one(node, make(*lines), x)
    if axis == 0:
        last = channels_last(low.builder, x, low.source(node))
        return channels_first(low.builder, low.one(node, make(*lines), last), low.source(node))
    order = (*(i for i in range(len(shape)) if i != axis), axis)
    moved = low.one(node, Permute(order), x)
    back = tuple(int(i) for i in np.argsort(order))
    return low.one(node, Permute(back), low.one(node, make(*lines), moved))


def _differs(array: Array, axis: int) -> bool:
    return bool((array != array.take([0], axis=axis)).any())
