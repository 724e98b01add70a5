"""The definition of operators that only move bytes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from pyexport.simulator.exact.base import Evaluated, Layer, PlainTensor, Values


@dataclass(frozen=True)
class GatherLayer(Layer):
    """out[i][j]... = in[offset + i * strides[0] + j * strides[1] + ...]."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class ConcatLayer(Layer):
    """The inputs one after the other along an axis."""

    axis: int


@dataclass(frozen=True)
class PadLayer(Layer):
    """The input with one byte around it."""

    pads: tuple[tuple[int, int], ...]
    value: int


def gather(layer: GatherLayer, x: Values) -> Evaluated:
    """Return the bytes that the strides reach, the last axis fastest."""
    places = product(*(range(n) for n in layer.sizes))
    outputs = [
        x[layer.offset + sum(i * s for i, s in zip(place, layer.strides, strict=True))]
        for place in places
    ]
    return Evaluated((outputs,), [])


def concat(layer: ConcatLayer, *inputs: Values) -> Evaluated:
    """Return the inputs joined: for each place before the axis, a run of each input."""
    runs = [_run(place, layer.axis) for place in layer.inputs]
    outputs: Values = []
    for outer in range(len(inputs[0]) // runs[0]):
        for x, run in zip(inputs, runs, strict=True):
            outputs += x[outer * run : (outer + 1) * run]
    return Evaluated((outputs,), [])


def _run(place: PlainTensor, axis: int) -> int:
    """Return the elements of the axis and all behind it."""
    run = 1
    for n in place.shape[axis:]:
        run *= n
    return run


def pad(layer: PadLayer, x: Values) -> Evaluated:
    """Return the input where the output's place lies in it, else the padding."""
    (source,), (target,) = layer.inputs, layer.outputs
    outputs: Values = []
    for place in product(*(range(n) for n in target.shape)):
        inner = [i - before for i, (before, _) in zip(place, layer.pads, strict=True)]
        if all(0 <= i < n for i, n in zip(inner, source.shape, strict=True)):
            at = 0
            for i, n in zip(inner, source.shape, strict=True):
                at = at * n + i
            outputs.append(x[at])
        else:
            outputs.append(layer.value)
    return Evaluated((outputs,), [])
