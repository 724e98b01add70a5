"""Operators on stored tensors alone, computed while reading: shapes, indices, constants.

Floats are computed in float64. Integers are those of shapes: a division rounds towards zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pyexport.frontends.onnx.lowering import Lowering, Stored, shape_of
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.frontends.onnx.tensors import DTYPE_NAMES, FLOATS
from pyexport.ir import Array
from pyexport.untrusted import printable

MEASURES = ("Shape", "Size")  # which are known of computed tensors, too
Fold = Callable[[Lowering, OnnxNode, Sequence[Array]], Array]


def fold(low: Lowering, node: OnnxNode) -> Stored | None:
    """Return what a node gives that needs no input of the model; None for all others."""
    if node.operator in MEASURES:
        return _measured(low, node)
    inputs = [low.known(node, i) for i in range(len(node.inputs))]
    constants = [value for value in inputs if isinstance(value, Stored)]
    function = FOLDS.get(node.operator)
    if function is None or len(constants) < len(inputs) or len(node.outputs) != 1:
        return None
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used, by name
            array = function(low, node, [value.array for value in constants])
    except (ValueError, IndexError, OverflowError, TypeError) as error:
        raise low.unsupported(
            node, f"has constants that do not fit ({printable(error)}); export the model again"
        ) from None
    if array.base is None:  # its own memory: a file must not make many large constants of one
        low.charge(array.size, node)
    name = constants[0].name if constants else node.outputs[0]
    return Stored(name, array)


def _measured(low: Lowering, node: OnnxNode) -> Stored:
    known = low.known(node, 0)
    if not isinstance(known, Stored):
        known = low.computed(node)
    shape = known.array.shape if isinstance(known, Stored) else shape_of(known, low)
    if node.operator == "Size":
        return Stored(node.outputs[0], np.array(math.prod(shape), np.int64))
    start, end = low.integer(node, "start", 0), low.integer(node, "end", len(shape))
    return Stored(node.outputs[0], np.array(shape[start:end], np.int64))


def _constant(low: Lowering, node: OnnxNode, _: Sequence[Array]) -> Array:
    for key, dtype in (
        ("value_int", np.int64),
        ("value_ints", np.int64),
        ("value_float", np.float32),
        ("value_floats", np.float32),
    ):
        if key in node.attributes:
            return np.array(node.attributes[key], dtype)
    return low.attribute_tensor(node, node.attributes.get("value"))


def _constant_of_shape(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    shape = _integers(arrays[0])
    low.charge(math.prod(shape), node)
    stated = node.attributes.get("value")
    value = np.zeros(1, np.float32) if stated is None else low.attribute_tensor(node, stated)
    return np.full(shape, value.reshape(-1)[0])


def _cast(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    to = low.integer(node, "to", 0)
    if to in FLOATS:
        return arrays[0].astype(np.float32 if to != 11 else np.float64)
    return arrays[0].astype({"a text": "U"}.get(DTYPE_NAMES.get(to, ""), DTYPE_NAMES.get(to, "?")))


def _gather(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    axis = low.integer(node, "axis", 0)
    low.charge(arrays[0].size // max(arrays[0].shape[axis], 1) * arrays[1].size, node)
    return np.asarray(np.take(arrays[0], arrays[1].astype(np.int64), axis))


def _unsqueeze(_low: Lowering, _node: OnnxNode, arrays: Sequence[Array]) -> Array:
    return np.expand_dims(arrays[0], tuple(_integers(arrays[1])))


def _squeeze(_low: Lowering, _node: OnnxNode, arrays: Sequence[Array]) -> Array:
    return arrays[0].squeeze(tuple(_integers(arrays[1])) if len(arrays) > 1 else None)


def _slice(_low: Lowering, _node: OnnxNode, arrays: Sequence[Array]) -> Array:
    data, starts, ends = arrays[0], _integers(arrays[1]), _integers(arrays[2])
    axes = _integers(arrays[3]) if len(arrays) > 3 else list(range(len(starts)))
    steps = _integers(arrays[4]) if len(arrays) > 4 else [1] * len(starts)
    cuts = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        cuts[axis] = slice(start, None if step < 0 and end < -data.shape[axis] else end, step)
    return np.asarray(data[tuple(cuts)])


def _reshape(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    sizes = _integers(arrays[1])
    if low.integer(node, "allowzero", 0) == 0:
        sizes = [arrays[0].shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return arrays[0].reshape(sizes)


def _transpose(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    return arrays[0].transpose(low.integers(node, "perm"))


def _expand(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    shape = np.broadcast_shapes(arrays[0].shape, tuple(_integers(arrays[1])))
    low.charge(math.prod(shape), node)
    return np.broadcast_to(arrays[0], shape)


def _tile(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    repeats = _integers(arrays[1])
    if min(repeats, default=1) < 0:
        raise ValueError("a negative number of repeats")
    # NumPy repeats axis by axis: a 0 at the end does not keep the others small.
    low.charge(arrays[0].size * math.prod(max(n, 1) for n in repeats), node)
    return np.tile(arrays[0], repeats)


def _range(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    start, limit, delta = (array.reshape(-1)[0].item() for array in arrays)  # no wrap-around
    if delta == 0:
        raise ValueError("a range of steps of 0")
    low.charge(max(math.ceil((limit - start) / delta), 0), node)
    return np.arange(start, limit, delta, dtype=arrays[0].dtype)


def _concat(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
    low.charge(sum(array.size for array in arrays), node)
    return np.concatenate(arrays, low.integer(node, "axis", 0))


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    if not b.all():
        raise ValueError("a division by zero")
    return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), a.dtype)


def _elementwise(function: Callable[..., Array]) -> Fold:
    """Return a fold that computes floats in float64, and gives integers their type back."""

    def folded(low: Lowering, node: OnnxNode, arrays: Sequence[Array]) -> Array:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        low.charge(math.prod(shape), node)
        wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
        return np.asarray(function(*wide))

    return folded


def _integers(array: Array) -> list[int]:
    if array.dtype.kind not in "iu" or array.size > 1000:
        raise ValueError(f"{array.dtype} {array.shape} where a few integers belong")
    return [int(n) for n in array.reshape(-1)]


FOLDS: dict[str, Fold] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Identity": lambda _low, _node, arrays: arrays[0],
    "Cast": _cast,
    "CastLike": lambda _low, _node, arrays: arrays[0].astype(arrays[1].dtype),
    "Gather": _gather,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "Concat": _concat,
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_divide),
    "Pow": _elementwise(np.power),
    "Neg": _elementwise(np.negative),
    "Abs": _elementwise(np.abs),
    "Sqrt": _elementwise(np.sqrt),
    "Exp": _elementwise(np.exp),
    "Log": _elementwise(np.log),
    "Reciprocal": _elementwise(np.reciprocal),
    "Floor": _elementwise(np.floor),
    "Ceil": _elementwise(np.ceil),
    "Min": _elementwise(np.minimum),
    "Max": _elementwise(np.maximum),
    "Equal": _elementwise(np.equal),
    "Greater": _elementwise(np.greater),
    "Less": _elementwise(np.less),
    "Not": _elementwise(np.logical_not),
    "And": _elementwise(np.logical_and),
    "Or": _elementwise(np.logical_or),
    "Where": _elementwise(np.where),
}
