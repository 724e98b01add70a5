"""Lowers operators of ATen that move or rename elements: views, slices, concatenation, padding."""

from __future__ import annotations

import math

from pyexport.errors import FileFormatError, UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.aten_table import Table, table
from pyexport.frontends.floats import HALVES
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import BatchMovedError, Known, Layered, Lowering
from pyexport.frontends.model_inputs import dtype_name, show
from pyexport.frontends.pt2 import Call, Parameter
from pyexport.ir import Concat, Identity, Pad, Permute, Reshape, Slice
from pyexport.untrusted import printable

_END = 1 << 62  # PyTorch writes the largest integer for an open end


def _dropout(low: Lowering, call: Call) -> Value:
    if call.arguments.get("train") is not False:
        low.warnings.append(
            f"{printable(call.module) or 'a dropout'} was saved in training mode and is ignored; "
            "call model.eval() before saving"
        )
    x = low.operand(call, _operand_key(call))
    return low.emit(call, Identity("dropout"), x, x.shape)


def _reshape(low: Lowering, call: Call) -> Value:
    """Take the new shape from the file: the same elements in the same order, batch first."""
    known = low.known(call.arguments.get("self"))
    if isinstance(known, Layered) and len(known.layers) == 1 and "squeeze" in call.target:
        return known.layers[0]
    x = low.operand(call, "self")
    info = low.program.values.get(call.outputs[0]) if call.outputs else None
    if info is None:
        raise FileFormatError(f"{low.at(call)} has no stated shape; the file is damaged")
    sizes = info.sizes[low.lead :]
    shape = tuple(n for n in sizes if isinstance(n, int))
    same = len(shape) == len(sizes) and math.prod(shape) == math.prod(x.shape)
    if not shape or not same or info.sizes[: low.lead] != (low.batch,) * low.lead:
        raise BatchMovedError(
            f"{low.at(call)} turns {show((low.batch, *x.shape))} into {show(info.sizes)}, which "
            "mixes or drops the batch dimension; keep it first, e.g. x.flatten(1)"
        )
    return x if shape == x.shape else low.emit(call, Reshape(shape), x, shape)


def _same(low: Lowering, call: Call) -> Known:
    """Return the operand itself: the operator moves or checks memory, not values."""
    known = low.known(call.arguments.get(_operand_key(call)))
    if isinstance(known, Parameter | Layered):
        return known
    return low.operand(call, _operand_key(call))


def _operand_key(call: Call) -> str:
    """Return the name of the first argument: functional dropout says input, in-place says self."""
    return "self" if "self" in call.arguments else "input"


def _cast(low: Lowering, call: Call) -> Known:
    dtype = call.arguments.get("dtype")
    half = low.input.dtype in HALVES and dtype in {7, *HALVES}  # PyTorch widens them to compute
    if dtype is not None and dtype != low.input.dtype and not half:
        raise UnsupportedModelError(
            f"{low.at(call)} converts to {dtype_name(dtype)}; keep one float type in the model"
        )
    return _same(low, call)


def _expand(low: Lowering, call: Call) -> Known:
    x = low.operand(call, "self")
    info = low.program.values.get(call.outputs[0]) if call.outputs else None
    if info is None or info.sizes != ((low.batch,) * low.lead + x.shape):
        raise UnsupportedOperatorError(
            f"{low.at(call)} repeats elements; leave it out: +, - and * repeat by themselves"
        )
    return x


def _transpose(low: Lowering, call: Call) -> Parameter | Value:
    """Permute the dimensions beside the batch; of a stored matrix (decomposed files), both."""
    known = low.known(call.arguments.get("self"))
    constant = known if isinstance(known, Parameter) else None
    x = low.operand(call, "self") if constant is None else None
    rank = constant.array.ndim if constant is not None else len(x.shape) + low.lead if x else 0
    order = _order(low, call, rank)
    if constant is not None:
        return Parameter(constant.name, constant.array.transpose(order))
    assert x is not None  # one of the two
    if low.lead and order[0] != 0:
        raise BatchMovedError(
            f"{low.at(call)} moves the batch; keep the first dimension in its place"
        )
    axes = tuple(axis - low.lead for axis in order[low.lead :])
    moved = [axis for axis in axes if x.shape[axis] > 1]
    if low.whole and moved == sorted(moved):  # only axes of size 1 move: no element does
        shape = tuple(x.shape[axis] for axis in axes)
        return low.emit(call, Reshape(shape), x, shape)
    return low.one(call, Permute(axes), x)


def _order(low: Lowering, call: Call, rank: int) -> list[int]:
    """Return the dimensions in their new order, the batch counted."""
    order = list(range(rank))
    dims = call.arguments.get("dims")
    if dims is not None:
        order = [d % rank for d in dims] if isinstance(dims, list) else []
    else:
        default = (0, 1) if call.target.startswith("aten.t.") else (None, None)
        keys = ("dim0", "dim1") if "dim0" in call.arguments else ("axis0", "axis1")
        pair = [call.arguments.get(key, d) for key, d in zip(keys, default, strict=True)]
        if rank < 2 or not all(type(d) is int and -rank <= d < rank for d in pair):
            raise low.unsupported(call)
        first, second = (d % rank for d in pair if isinstance(d, int))
        order[first], order[second] = order[second], order[first]
    if sorted(order) != list(range(rank)):
        raise low.unsupported(call)
    return order


def _concat(low: Lowering, call: Call) -> Value:
    parts = low.operands(call, "tensors")
    axis = low.axis(call, "dim", len(parts[0].shape), 0)
    return parts[0] if len(parts) == 1 else low.one(call, Concat(axis), *parts)


def _stack(low: Lowering, call: Call) -> Value:
    parts = low.operands(call, "tensors")
    axis = low.axis(call, "dim", len(parts[0].shape) + 1, 0)
    wide = [low.one(call, Reshape((*x.shape[:axis], 1, *x.shape[axis:])), x) for x in parts]
    return low.one(call, Concat(axis), *wide)


def _pad(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "self")
    given = call.arguments.get("pad")
    if call.arguments.get("mode", "constant") != "constant":
        raise UnsupportedOperatorError(f"{low.at(call)} is not constant padding; use zeros")
    numbers = given if isinstance(given, list) else []
    if len(numbers) % 2 or not 0 < len(numbers) <= 2 * len(x.shape):
        raise UnsupportedModelError(f"{low.at(call)} pads the batch; pad the other dimensions")
    if min(numbers) < 0:
        raise UnsupportedOperatorError(
            f"{low.at(call)} has a negative padding, which cuts; write a slice like x[..., 1:-1]"
        )
    pairs = [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)][::-1]
    value = low.number(call, "value", 0.0) or 0.0
    untouched = [(0, 0)] * (len(x.shape) - len(pairs))
    return low.one(call, Pad((*untouched, *pairs), float(value)), x)


def _slice(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "self")
    dim = call.arguments.get("dim", 0)
    start, end = (low.number(call, key, default) for key, default in (("start", 0), ("end", _END)))
    step = low.number(call, "step", 1) or 1
    if dim in (0, -len(x.shape) - 1) and not start and (end is None or end >= _END) and step == 1:
        return x  # x[:, ...] slices the batch, too
    axis = low.axis(call, "dim", len(x.shape), 0)
    places = range(x.shape[axis])[
        slice(int(start or 0), _END if end is None else int(end), int(step))
    ]
    return _cut(low, call, x, axis, places)


def _narrow(low: Lowering, call: Call) -> Value:
    x = low.operand(call, "self")
    axis = low.axis(call, "dim", len(x.shape))
    start, length = (low.integers(call, key, 1, None)[0] for key in ("start", "length"))
    first = start % max(x.shape[axis], 1)
    return _cut(low, call, x, axis, range(first, first + length))


def _select(low: Lowering, call: Call) -> Value:
    (index,) = low.integers(call, "index", 1, None)
    known = low.known(call.arguments.get("self"))
    if isinstance(known, Layered) and call.arguments.get("dim") == 0:
        if not -len(known.layers) <= index < len(known.layers):
            raise FileFormatError(f"{low.at(call)} takes layer {index} of {len(known.layers)}")
        return known.layers[index]
    x = low.operand(call, "self")
    axis = low.axis(call, "dim", len(x.shape))
    place = index % x.shape[axis]
    part = _cut(low, call, x, axis, range(place, place + 1))
    return _without(low, call, part, axis)


def _without(low: Lowering, call: Call, x: Value, axis: int) -> Value:
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    if not shape:
        raise UnsupportedModelError(
            f"{low.at(call)} leaves one number without a dimension; take x[:, i:i+1]"
        )
    return low.one(call, Reshape(shape), x)


def _split(low: Lowering, call: Call) -> tuple[Value, ...]:
    x = low.operand(call, "self")
    axis = low.axis(call, "dim", len(x.shape), 0)
    size = x.shape[axis]
    if "chunk" in call.target:
        (chunks,) = low.integers(call, "chunks", 1, None)
        lengths = [-(-size // max(chunks, 1))]
    else:
        key = "split_sizes" if "split_sizes" in call.arguments else "split_size"
        given = call.arguments.get(key)
        numbers = given if isinstance(given, list) else [given]
        lengths = [n for n in numbers if type(n) is int and n > 0]
        if not lengths or len(lengths) < len(numbers):
            raise low.unsupported(call)
    if len(lengths) == 1:
        (most,) = lengths
        lengths = [min(most, size - i) for i in range(0, size, most)]
    if sum(lengths) != size:
        raise FileFormatError(f"{low.at(call)} splits {size} into {lengths}; the file is damaged")
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    return tuple(
        _cut(low, call, x, axis, range(end - length, end))
        for end, length in zip(ends, lengths, strict=True)
    )


def _unbind(low: Lowering, call: Call) -> tuple[Value, ...]:
    x = low.operand(call, "self")
    axis = low.axis(call, "dim", len(x.shape), 0)
    parts = (_cut(low, call, x, axis, range(i, i + 1)) for i in range(x.shape[axis]))
    return tuple(_without(low, call, part, axis) for part in parts)


def _cut(low: Lowering, call: Call, x: Value, axis: int, places: range) -> Value:
    """Emit the slice of one axis; the others stay whole."""
    if not places or max(places) >= x.shape[axis]:
        raise UnsupportedModelError(
            f"{low.at(call)} takes nothing, or more than there is, of {x.shape[axis]} elements"
        )
    if places == range(x.shape[axis]):
        return x
    starts, steps, sizes = [0] * len(x.shape), [1] * len(x.shape), list(x.shape)
    starts[axis], steps[axis], sizes[axis] = places.start, places.step, len(places)
    return low.one(call, Slice(tuple(starts), tuple(sizes), tuple(steps)), x)


def _flip(low: Lowering, call: Call) -> Value:
    """Reverse some axes."""
    x = low.operand(call, "self")
    dims = call.arguments.get("dims")
    for dim in dims if isinstance(dims, list) else [dims]:
        axis = low.without_batch(call, dim, len(x.shape))
        x = reverse(low, call, x, axis)
    return x


def reverse(low: Lowering, call: Call, x: Value, axis: int) -> Value:
    """Emit the elements of an axis from the last to the first."""
    return _cut(low, call, x, axis, range(x.shape[axis] - 1, -1, -1))


def _nothing(_low: Lowering, _call: Call) -> None:
    """Skip a call that only checks or measures its operand."""


_RESHAPES = table(
    _reshape, "flatten.using_ints", "view.default", "reshape.default", "unsqueeze.default",
    "squeeze.default", "squeeze.dim", "squeeze.dims", "unflatten.int", "_unsafe_view.default",
    "_reshape_alias.default", "view_copy.default",
)  # fmt: skip
_SAME = table(
    _same, "contiguous.default", "clone.default", "detach.default", "detach_.default",
    "alias.default", "lift_fresh_copy.default",
)  # fmt: skip
_CASTS = table(
    _cast, "to.dtype", "to.dtype_layout", "to.device", "_to_copy.default"
)  # fmt: skip
_DROPOUTS = table(
    _dropout, "dropout.default", "dropout_.default", "feature_dropout.default",
    "alpha_dropout.default",
)  # fmt: skip
_PARTS = {
    **table(_transpose, "permute.default", "t.default", "transpose.int", "swapaxes.default"),
    **table(_slice, "slice.Tensor"),
    **table(_narrow, "narrow.default"),
    **table(_select, "select.int"),
    **table(
        _split, "split.Tensor", "split.sizes", "split_with_sizes.default", "chunk.default",
        "unsafe_chunk.default", "unsafe_split.Tensor",
    ),
    **table(_unbind, "unbind.int"),
    **table(_expand, "expand.default"),
}  # fmt: skip
# Operators whose result shares memory with their operand.
VIEWS = frozenset({*_RESHAPES, *_SAME, *_CASTS, *_DROPOUTS, *_PARTS} - {"aten.clone.default"})

SHAPE: Table = {
    **_RESHAPES,
    **_SAME,
    **_CASTS,
    **_DROPOUTS,
    **_PARTS,
    **table(_concat, "cat.default", "concat.default", "concatenate.default"),
    **table(_stack, "stack.default"),
    **table(_flip, "flip.default"),
    **table(_pad, "pad.default", "constant_pad_nd.default"),
    **table(_nothing, "_assert_tensor_metadata.default", "sym_size.int", "dim.default"),
}
