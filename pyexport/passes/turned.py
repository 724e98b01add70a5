"""The same operator on a tensor whose axes lie in another order."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from pyexport.ir import (
    Activation,
    Argmax,
    Clamp,
    Concat,
    LogSoftmax,
    Op,
    Pad,
    Reduce,
    Slice,
    Softmax,
)

T = TypeVar("T")
Axes = tuple[int, ...]  # axis i of a tensor is axis axes[i] of the one that is stored
ANYWHERE = (Clamp, Activation)  # whatever the shape
ALONG_AXES = (Pad, Slice, Reduce, Argmax, Softmax, LogSoftmax)


def is_identity(axes: Axes) -> bool:
    """Return whether nothing moves."""
    return axes == tuple(range(len(axes)))


def moves_nothing(axes: Axes, stored: tuple[int, ...]) -> bool:
    """Return whether the elements keep their order: only axes of size 1 move."""
    kept = [axis for axis in axes if stored[axis] != 1]
    return kept == sorted(kept)


def turned(op: Op, axes: Axes) -> tuple[Op, Axes]:
    """Return the operator on the stored tensor, and the axes of its result.

    op must be of ALONG_AXES, or Concat.
    """
    rank = len(axes)
    match op:
        case Concat():
            return replace(op, axis=axes[op.axis]), axes
        case Softmax() | LogSoftmax():
            axis = axes[op.axis % rank]
            return replace(op, axis=-1 if axis == rank - 1 else axis), axes
        case Pad():
            return replace(op, pads=_moved(op.pads, axes)), axes
        case Slice():
            return Slice(
                _moved(op.starts, axes), _moved(op.sizes, axes), _moved(op.steps, axes)
            ), axes
        case Reduce():
            reduced = tuple(sorted(axes[axis] for axis in op.axes))
            return replace(op, axes=reduced), axes if op.keep else without(axes, reduced)
        case Argmax():
            axis = axes[op.axis]
            return replace(op, axis=axis), axes if op.keep else without(axes, (axis,))
    raise ValueError(f"{op.kind} has no axes to turn")


def without(axes: Axes, removed: tuple[int, ...]) -> Axes:
    """Return the axes of what is left when stored axes are removed."""
    left = [axis for axis in axes if axis not in removed]
    places = sorted(left)
    return tuple(places.index(axis) for axis in left)


def _moved(values: tuple[T, ...], axes: Axes) -> tuple[T, ...]:
    """Return the values, one an axis, in the order of the stored axes."""
    return tuple(values[axes.index(i)] for i in range(len(axes)))
