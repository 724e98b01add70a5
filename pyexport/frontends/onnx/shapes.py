"""Lowers operators that move elements: reshapes, transposes, slices, joins, padding."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyexport.errors import FileFormatError
from pyexport.frontends.onnx.batch import (
    aligned,
    axis_of,
    checked_axis,
    mixes_batch,
    operand,
    without_batch,
)
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, Stored, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.ir import Concat, Pad, Permute, Slice

Shape = tuple[int, ...]


def reshape(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """The same elements under a stored shape; 0 keeps a size, -1 is what is left."""
    x = low.computed(node, 0)
    sizes = low.numbers(node, 1, "shape") or []
    old = shape_of(x, low)
    if low.integer(node, "allowzero", 0) == 0:
        if any(n == 0 and i >= len(old) for i, n in enumerate(sizes)):
            raise FileFormatError(f"{low.at(node)}: its shape {show(sizes)} keeps a missing size")
        sizes = [old[i] if n == 0 else n for i, n in enumerate(sizes)]
    known = math.prod(n for n in sizes if n != -1)
    if sizes.count(-1) == 1 and known and math.prod(old) % known == 0:
        sizes = [math.prod(old) // known if n == -1 else n for n in sizes]
    return [under_shape(low, node, x, tuple(sizes))]


def under_shape(low: Lowering, node: OnnxNode, x: Computed, shape: Shape) -> Computed:
    """Return x under another shape of ONNX; the batch must keep its place among the elements."""
    old = shape_of(x, low)
    if math.prod(shape) != math.prod(old) or any(n < 1 for n in shape):
        raise FileFormatError(
            f"{low.at(node)} turns {show(old)} into {show(shape)}, which has other elements"
        )
    if x.batch is None:
        return Computed(low.reshaped(node, x.value, shape), None)
    before = math.prod(old[: x.batch])
    places = [
        i for i, n in enumerate(shape) if n == low.batch_size and math.prod(shape[:i]) == before
    ]
    if places:
        was = x.batch
        place = min(places, key=lambda i: abs(i - was))  # several only where sizes are 1
        return Computed(low.reshaped(node, x.value, shape[:place] + shape[place + 1 :]), place)
    if low.symbolic or low.batch_size != 1:
        raise mixes_batch(low, node, old)
    return Computed(low.reshaped(node, x.value, shape), None)


def flatten(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Two axes: those before `axis` and the others."""
    x = low.computed(node, 0)
    shape = shape_of(x, low)
    axis = low.integer(node, "axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise FileFormatError(f"{low.at(node)} has the axis {axis} on {show(shape)}")
    axis = axis + len(shape) if axis < 0 else axis
    return [under_shape(low, node, x, (math.prod(shape[:axis]), math.prod(shape[axis:])))]


def squeeze(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Without some axes of size 1."""
    x = low.computed(node, 0)
    shape = shape_of(x, low)
    stated = low.numbers(node, 1, "axes")
    if stated is None:
        axes = {i for i, n in enumerate(shape) if n == 1 and i != x.batch}
    else:
        axes = {checked_axis(low, node, axis, len(shape)) for axis in stated}
    if any(shape[axis] != 1 for axis in axes):
        raise FileFormatError(f"{low.at(node)} removes an axis of {show(shape)} that is not 1")
    x = without_batch(low, node, x) if x.batch in axes else x
    rest = tuple(n for i, n in enumerate(shape) if i not in axes and i != x.batch)
    batch = None if x.batch is None else x.batch - sum(axis < x.batch for axis in axes)
    return [Computed(low.reshaped(node, x.value, rest), batch)]


def unsqueeze(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """With more axes of size 1."""
    x = low.computed(node, 0)
    stated = low.numbers(node, 1, "axes") or []
    rank = len(shape_of(x, low)) + len(stated)
    axes = {checked_axis(low, node, axis, rank) for axis in stated}
    if len(axes) != len(stated):
        raise FileFormatError(f"{low.at(node)} adds an axis twice")
    old = [i for i in range(rank) if i not in axes]  # where the axes of x are now
    batch = None if x.batch is None else old[x.batch]
    sizes = iter(x.value.shape)
    shape = tuple(1 if i in axes else next(sizes) for i in range(rank) if i != batch)
    return [Computed(low.reshaped(node, x.value, shape), batch)]


def transpose(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Another order of the axes; the batch moves along for free."""
    x = low.computed(node, 0)
    rank = len(shape_of(x, low))
    order = low.integers(node, "perm") or list(range(rank))[::-1]
    if sorted(order) != list(range(rank)):
        raise FileFormatError(f"{low.at(node)}: {show(order)} is no order of {rank} axes")
    axes = [i for i in order if i != x.batch]
    if x.batch is not None:
        axes = [i - (i > x.batch) for i in axes]
    batch = None if x.batch is None else order.index(x.batch)
    moved = axes == sorted(axes)
    value = x.value if moved else low.one(node, Permute(tuple(axes)), x.value)
    return [Computed(value, batch)]


def concat(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Tensors one after the other along an axis."""
    operands = [operand(low, node, i) for i in range(len(node.inputs))]
    ranks = {len(shape_of(x, low)) if isinstance(x, Computed) else x.array.ndim for x in operands}
    if len(ranks) != 1:
        raise FileFormatError(f"{low.at(node)} joins tensors of different ranks")
    (rank,) = ranks
    axis = checked_axis(low, node, low.integer(node, "axis", 0), rank)
    values, batch = aligned(low, node, operands)
    if axis == batch:
        whole = [without_batch(low, node, x) if isinstance(x, Computed) else x for x in operands]
        values, batch = aligned(low, node, whole)
    place = axis - (batch is not None and axis > batch)
    return [Computed(low.one(node, Concat(place), *values), batch)]


def split(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Parts along an axis: of stated sizes, or equal ones with a smaller last one."""
    x, axis = axis_of(low, node, low.computed(node, 0), low.integer(node, "axis", 0))
    size, count = x.value.shape[axis], len(node.outputs)
    sizes = low.numbers(node, 1, "sizes")
    if sizes is None:
        each = -(-size // count)
        sizes = [each] * (count - 1) + [size - each * (count - 1)]
    if sum(sizes) != size or len(sizes) != count or min(sizes) < 1:
        raise low.unsupported(node, f"splits {size} elements into {show(sizes)}; leave none empty")
    starts = [sum(sizes[:i]) for i in range(count)]
    return [cut(low, node, x, axis, start, n, 1) for start, n in zip(starts, sizes, strict=True)]


def cut(
    low: Lowering, node: OnnxNode, x: Computed, axis: int, start: int, count: int, step: int
) -> Computed:
    """Return `count` elements of one axis of the value, from `start` in steps."""
    shape = x.value.shape
    if (start, count, step) == (0, shape[axis], 1):
        return x
    starts, sizes, steps = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis], sizes[axis], steps[axis] = start, count, step
    op = Slice(tuple(starts), tuple(sizes), tuple(steps))
    return Computed(low.one(node, op, x.value), x.batch)


def take_slice(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """From start to end in steps, on some axes."""
    x = low.computed(node, 0)
    starts, ends = low.numbers(node, 1, "starts") or [], low.numbers(node, 2, "ends") or []
    axes = low.numbers(node, 3, "axes") or list(range(len(starts)))
    steps = low.numbers(node, 4, "steps") or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise FileFormatError(f"{low.at(node)}: its starts, ends, axes and steps differ in number")
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        rank = len(shape_of(x, low))
        size = shape_of(x, low)[checked_axis(low, node, axis, rank)]
        if step < 0:
            raise low.unsupported(node, "has a negative step; reverse the data before the model")
        taken = range(size)[slice(start, end, step)] if step else range(0)
        if not taken:
            raise low.unsupported(node, "takes no element; slice at least one")
        if len(taken) == size:
            continue
        x, place = axis_of(low, node, x, axis)
        x = cut(low, node, x, place, taken.start, len(taken), step)
    return [x]


def gather(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """Stored indices along an axis: one (the axis goes), or several in equal steps."""
    known, stored = low.known(node, 0), low.known(node, 1)
    if not isinstance(stored, Stored) or not isinstance(known, Computed):
        raise low.unsupported(
            node, "looks up rows by a computed index; embed the tokens before the model"
        )
    x, axis = axis_of(low, node, known, low.integer(node, "axis", 0))
    size = x.value.shape[axis]
    indices = [int(n) for n in stored.array.reshape(-1)]
    if stored.array.ndim > 1 or not indices or not all(-size <= n < size for n in indices):
        raise low.unsupported(node, f"has indices that {show(x.value.shape)} does not; use a list")
    indices = [n % size for n in indices]
    runs = _runs(indices)
    if len(runs) > 16:
        raise low.unsupported(node, "takes elements in no regular order; order the weights instead")
    parts = [cut(low, node, x, axis, run.start, len(run), run.step) for run in runs]
    value = parts[0].value
    if len(parts) > 1:
        value = low.one(node, Concat(axis), *(part.value for part in parts))
    if stored.array.ndim:
        return [Computed(value, x.batch)]
    shape = value.shape[:axis] + value.shape[axis + 1 :]
    place = axis + (x.batch is not None and axis >= x.batch)  # as ONNX counts
    batch = x.batch if x.batch is None or x.batch < place else x.batch - 1
    return [Computed(low.reshaped(node, value, shape), batch)]


def _runs(indices: list[int]) -> list[range]:
    """Return the indices as rising ranges, each as long as it can be."""
    runs = [range(indices[0], indices[0] + 1)]
    for index in indices[1:]:
        last = runs[-1]
        step = index - last[-1]
        if step > 0 and (len(last) == 1 or step == last.step):
            runs[-1] = range(last.start, index + 1, step)
        else:
            runs.append(range(index, index + 1))
    return runs


def pad(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """One number around a tensor; what is negative cuts elements off."""
    mode = low.word(node, "mode", "constant")
    if mode != "constant":
        raise low.unsupported(node, f"has the mode {mode}; pad with a constant")
    x = low.computed(node, 0)
    pads = low.numbers(node, 1, "pads") or []
    axes = low.numbers(node, 3, "axes")
    shape = shape_of(x, low)
    axes = list(range(len(shape))) if axes is None else axes
    if len(pads) != 2 * len(axes):
        raise FileFormatError(f"{low.at(node)}: {len(pads)} pads for {len(axes)} axes")
    pairs = [(0, 0)] * len(shape)
    for i, axis in enumerate(axes):
        pairs[checked_axis(low, node, axis, len(shape))] = (pads[i], pads[i + len(axes)])
    for axis, (before, after) in enumerate(pairs):
        if min(before, after) < 0:
            x, place = axis_of(low, node, x, axis)
            count = shape[axis] + min(before, 0) + min(after, 0)
            if count < 1:
                raise low.unsupported(node, "cuts all elements off; leave at least one")
            x = cut(low, node, x, place, max(-before, 0), count, 1)
    around = [(max(before, 0), max(after, 0)) for before, after in pairs]
    if x.batch is not None and around[x.batch] != (0, 0):
        x = without_batch(low, node, x)
    kept = tuple(pair for i, pair in enumerate(around) if i != x.batch)
    if not any(map(any, kept)):
        return [x]
    value = low.scalar(node, 2, "value", 0.0)
    return [Computed(low.one(node, Pad(kept, value), x.value), x.batch)]
