"""Operators that move elements, in float64; their gradients move back."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Concat, Identity, Pad, Permute, Reshape, Slice
from pyexport.reference.rule import Arrays, Rule


def _reshape(op: Reshape, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (inputs[0].reshape(len(inputs[0]), *op.shape),)


def _identity(_op: Identity, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (inputs[0],)


def _same_elements(
    _op: Reshape | Identity, inputs: Arrays, _outputs: Arrays, gradients: Arrays
) -> Arrays:
    return (gradients[0].reshape(gradients[0].shape[0], *inputs[0].shape[1:]),)


def _permute(op: Permute, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (inputs[0].transpose(0, *(axis + 1 for axis in op.axes)),)


def _permute_back(op: Permute, _inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    back = np.argsort(op.axes)
    return (gradients[0].transpose(0, *(int(axis) + 1 for axis in back)),)


def _concat(op: Concat, inputs: Arrays, _fixed_order: bool) -> Arrays:
    rows = max(len(x) for x in inputs)
    parts = [np.broadcast_to(x, (rows, *x.shape[1:])) for x in inputs]
    return (np.concatenate(parts, axis=op.axis + 1),)


def _concat_back(op: Concat, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    ends = np.cumsum([x.shape[op.axis + 1] for x in inputs])
    return tuple(np.split(gradients[0], ends[:-1], axis=op.axis + 1))


def _pad(op: Pad, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (np.pad(inputs[0], ((0, 0), *op.pads), constant_values=op.value),)


def _pad_back(op: Pad, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    inner = tuple(
        slice(before, before + n)
        for (before, _), n in zip(op.pads, inputs[0].shape[1:], strict=True)
    )
    return (gradients[0][(slice(None), *inner)],)


def _slice(op: Slice, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (inputs[0][(slice(None), *op.slices())],)


def _slice_back(op: Slice, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    back = np.zeros((len(gradients[0]), *inputs[0].shape[1:]))
    back[(slice(None), *op.slices())] = gradients[0]
    return (back,)


RULES = {
    Reshape: Rule(_reshape, _same_elements),
    Identity: Rule(_identity, _same_elements),
    Permute: Rule(_permute, _permute_back),
    Concat: Rule(_concat, _concat_back),
    Pad: Rule(_pad, _pad_back),
    Slice: Rule(_slice, _slice_back),
}
