"""What becomes of an integer operator in one step of a sequence, or that it needs several steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pyexport.integer.conv import QuantizedConv2d
from pyexport.integer.elementwise import QuantizedAdd, QuantizedMul
from pyexport.integer.normalize import QuantizedNormalize
from pyexport.integer.pool import QuantizedReduce, QuantizedReduceMax
from pyexport.integer.shape import QuantizedConcat, QuantizedGather, QuantizedPad
from pyexport.integer.softmax import QuantizedArgmax, QuantizedLogSoftmax
from pyexport.integer.table import QuantizedPRelu, QuantizedTable
from pyexport.ir import Array, Graph, Node, Op, QuantizedAffine, QuantizedSoftmax


@dataclass(frozen=True)
class Timed:
    """A node of a graph over a whole sequence, at least one of whose inputs holds every step."""

    node: Node
    graph: Graph
    steps: int
    axes: Mapping[str, int | None]  # where a tensor holds the steps; None: known after the last
    constants: frozenset[str]  # tensors that are the same in every step

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape in the whole graph."""
        return self.graph.tensor(name).shape

    @property
    def source(self) -> tuple[int, ...]:
        """The shape of the first input."""
        return self.shape(self.node.inputs[0])

    @property
    def target(self) -> tuple[int, ...]:
        """The shape of the output."""
        return self.shape(self.node.outputs[0])

    @property
    def axis(self) -> int:
        """The time in the first input; raises ValueError if it has none."""
        axis = self.axes[self.node.inputs[0]]
        if axis is None:
            raise ValueError(f"{self.node.inputs[0]} has no axis of time")
        return axis

    @property
    def stride(self) -> int:
        """Elements of the first input from one step to the next."""
        return math.prod(self.source[self.axis + 1 :])

    def out_axis(self, stride: int) -> int | None:
        """Return the axis of the output with as many elements as there are steps and this stride.

        An output can have other axes than the input: a reshape between them needs no node.
        """
        for axis, size in enumerate(self.target):
            if size == self.steps and math.prod(self.target[axis + 1 :]) == stride:
                return axis
        return None


Made = tuple[Op, int | None]  # the operator in one step, and the axis of time in its output
StepRule = Callable[[Timed], Made | None]  # None: it needs several steps at once


def _placed(op: Op, axis: int | None) -> Made | None:
    return None if axis is None else (op, axis)


def _by_element(timed: Timed) -> Made | None:
    """An operator that treats every element alike."""
    return _placed(timed.node.op, timed.out_axis(timed.stride))


def _by_row(timed: Timed) -> Made | None:
    """An operator on rows of the last axis, or with numbers of their own for its columns."""
    axis = timed.out_axis(timed.stride)
    if axis is None or timed.axis == len(timed.source) - 1 or axis == len(timed.target) - 1:
        return None
    return timed.node.op, axis


def _two(timed: Timed) -> Made | None:
    """An operator on two tensors, each with every step or the same in all of them."""
    rank = len(timed.target)
    places = set()
    for name in timed.node.inputs:
        axis = timed.axes[name]
        if axis is not None:
            places.add(axis + rank - len(timed.shape(name)))
    if len(places) != 1:
        return None
    (place,) = places
    for name in timed.node.inputs:
        shape = timed.shape(name)
        own = place - (rank - len(shape))
        if timed.axes[name] is None and (
            name not in timed.constants or (own >= 0 and shape[own] != 1)
        ):
            return None
    return timed.node.op, place


def _conv(timed: Timed) -> Made | None:
    """A convolution whose window holds one step: a linear layer on every step."""
    op, axis = timed.node.op, timed.axis
    assert isinstance(op, QuantizedConv2d)  # the table's
    if axis not in (0, 1) or op.weight.shape[1 + axis] != 1 or op.stride[axis] != 1:
        return None
    return None if op.pad[axis] or op.pad[axis + 2] else (op, axis)


def _concat(timed: Timed) -> Made | None:
    """A concatenation along another axis, of tensors that all hold every step."""
    op = timed.node.op
    assert isinstance(op, QuantizedConcat)  # the table's
    axes = {timed.axes[name] for name in timed.node.inputs}
    return (op, timed.axis) if len(axes) == 1 and op.axis != timed.axis else None


def _pad(timed: Timed) -> Made | None:
    """Padding within the steps."""
    op = timed.node.op
    assert isinstance(op, QuantizedPad)  # the table's
    return (op, timed.axis) if op.pads[timed.axis] == (0, 0) else None


def _along(timed: Timed) -> Made | None:
    """A reduction or argmax over `count` elements, `inner` apart: within a step."""
    op, stride = timed.node.op, timed.stride
    assert isinstance(op, QuantizedReduce | QuantizedReduceMax | QuantizedArgmax)  # the table's
    if stride % (op.count * op.inner) == 0:
        smaller = replace(op, outer=op.outer // timed.steps)
        return _placed(smaller, timed.out_axis(stride // op.count))
    if op.inner % (stride * timed.steps) == 0:
        smaller = replace(op, inner=op.inner // timed.steps)
        return _placed(smaller, timed.out_axis(stride))
    return None


def _gather(timed: Timed) -> Made | None:
    """A gather that keeps the steps apart, or that takes the last one."""
    op = timed.node.op
    assert isinstance(op, QuantizedGather)  # the table's
    places = _places(op.sizes, op.strides, op.offset).reshape(timed.target)
    index = list(np.unravel_index(places, timed.source))
    times = index[timed.axis]
    index[timed.axis] = np.zeros_like(times)
    shape = [1 if i == timed.axis else n for i, n in enumerate(timed.source)]
    within = np.ravel_multi_index(tuple(index), tuple(shape))
    if (times == timed.steps - 1).all():
        return _rebuilt(op, within, None)
    for axis, size in enumerate(timed.target):
        first = np.take(within, [0], axis=axis)
        order = np.arange(size).reshape([-1 if i == axis else 1 for i in range(within.ndim)])
        if size == timed.steps and (times == order).all() and (within == first).all():
            return _rebuilt(op, first, axis)
    return None


def _places(sizes: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
    places = np.full(sizes, offset, np.int64)
    for i, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        along = [-1 if j == i else 1 for j in range(len(sizes))]
        places += (np.arange(size) * stride).reshape(along)
    return places


def _rebuilt(op: QuantizedGather, places: Array, axis: int | None) -> Made | None:
    """Return the gather of these places, or None where no strides give them."""
    offset = int(places.flat[0])
    strides = []
    for i, size in enumerate(places.shape):
        second = tuple(int(j == i and size > 1) for j in range(places.ndim))
        strides.append(int(places[second]) - offset)
    sizes = tuple(places.shape)
    if not np.array_equal(_places(sizes, tuple(strides), offset), places):
        return None
    return replace(op, sizes=sizes, strides=tuple(strides), offset=offset), axis


STEP_RULES: dict[type[Op], StepRule] = {
    QuantizedAffine: _by_row,
    QuantizedNormalize: _by_row,
    QuantizedSoftmax: _by_row,
    QuantizedLogSoftmax: _by_row,
    QuantizedPRelu: _by_row,
    QuantizedTable: _by_element,
    QuantizedAdd: _two,
    QuantizedMul: _two,
    QuantizedConv2d: _conv,
    QuantizedConcat: _concat,
    QuantizedPad: _pad,
    QuantizedReduce: _along,
    QuantizedReduceMax: _along,
    QuantizedArgmax: _along,
    QuantizedGather: _gather,
}
