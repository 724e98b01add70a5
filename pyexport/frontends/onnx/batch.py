"""Where the batch is among the axes of a value, and moving it: free while the batch is 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.errors import PyexportError, UnsupportedModelError
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.onnx.lowering import Computed, Lowering, Stored, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.ir import Array


def with_batch(low: Lowering, node: OnnxNode, x: Computed, axis: int) -> Computed:
    """Return x with its batch at an axis of ONNX's shape; raises if the batch is another one."""
    if x.batch == axis:
        return x
    shape = shape_of(x, low)
    whole = without_batch(low, node, x)
    if axis >= len(shape) or shape[axis] != 1:
        raise mixes_batch(low, node, shape)
    rest = shape[:axis] + shape[axis + 1 :]
    return Computed(low.reshaped(node, whole.value, rest), axis)


def without_batch(low: Lowering, node: OnnxNode, x: Computed) -> Computed:
    """Return x with its batch, a 1, among the axes of the value."""
    if x.batch is None:
        return x
    if low.symbolic or low.batch_size != 1:
        raise mixes_batch(low, node, shape_of(x, low))
    return Computed(low.reshaped(node, x.value, shape_of(x, low)), None)


def mixes_batch(low: Lowering, node: OnnxNode, shape: tuple[int, ...]) -> PyexportError:
    """Return the error for an operator that works along the batch."""
    return UnsupportedModelError(
        f"{low.at(node)} mixes, moves or drops the batch dimension of {show(shape)}; keep the "
        "batch first and out of it, or export with a batch of 1 that is not dynamic"
    )


def axis_of(low: Lowering, node: OnnxNode, x: Computed, axis: int) -> tuple[Computed, int]:
    """Return x and the axis of its value that an axis of ONNX's shape is."""
    shape = shape_of(x, low)
    axis = checked_axis(low, node, axis, len(shape))
    if axis == x.batch:
        x = without_batch(low, node, x)
    return x, axis - (x.batch is not None and axis > x.batch)


def checked_axis(low: Lowering, node: OnnxNode, axis: int, rank: int) -> int:
    """Return an axis that may be counted from the end, counted from the start."""
    if not -rank <= axis < rank:
        raise low.unsupported(node, f"has the axis {axis} on a tensor of {rank}; export it again")
    return axis % rank


def aligned(
    low: Lowering, node: OnnxNode, operands: Sequence[Computed | Stored]
) -> tuple[list[Value], int | None]:
    """Return operands that broadcast against each other, and the axis of the result's batch."""
    ranks = [len(_shape(low, x)) for x in operands]
    rank = max(ranks)
    places = {
        x.batch + rank - r
        for x, r in zip(operands, ranks, strict=True)
        if isinstance(x, Computed) and x.batch is not None
    }
    if len(places) > 1:  # one operand's batch meets another axis of the other
        operands = [without_batch(low, node, x) if isinstance(x, Computed) else x for x in operands]
        places = set()
    place = places.pop() if places else None
    values = []
    for x, r in zip(operands, ranks, strict=True):
        own = -1 if place is None else place - (rank - r)
        if isinstance(x, Stored):
            values.append(_constant(low, node, x, own))
        elif own >= 0 and x.batch is None:
            values.append(with_batch(low, node, x, own).value)
        else:
            values.append(x.value)
    return values, place


def _constant(low: Lowering, node: OnnxNode, stored: Stored, batch: int) -> Value:
    """Append a stored operand without the axis where the others have their batch."""
    shape = stored.array.shape
    if batch >= 0:
        if shape[batch] != 1:
            raise mixes_batch(low, node, shape)
        shape = shape[:batch] + shape[batch + 1 :]
    array = low.floats(stored, shape, lambda a: a.reshape(shape))
    return low.builder.constant(array, low.source(node))


def numbers_for(low: Lowering, node: OnnxNode, x: Computed, array: Array) -> Array:
    """Return stored numbers that broadcast to x, one for each element of its value."""
    shape = shape_of(x, low)
    whole = np.broadcast_to(array, shape)
    if x.batch is None:
        return whole
    own = x.batch - (len(shape) - array.ndim)
    if own >= 0 and array.shape[own] != 1:
        raise mixes_batch(low, node, array.shape)
    row: Array = whole.take(0, axis=x.batch)
    return row


def _shape(low: Lowering, operand: Computed | Stored) -> tuple[int, ...]:
    return operand.array.shape if isinstance(operand, Stored) else shape_of(operand, low)


def operand(low: Lowering, node: OnnxNode, index: int) -> Computed | Stored:
    """Return an input that may be computed or stored."""
    known = low.known(node, index)
    return known if isinstance(known, Stored) else low.computed(node, index)
