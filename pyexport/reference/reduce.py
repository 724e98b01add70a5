"""Reductions over axes in float64."""

from __future__ import annotations

import math

import numpy as np

from pyexport.ir import Argmax, FloatArray, Reduce
from pyexport.reference.rule import Arrays, Rule, ordered_sum


def _reduce(op: Reduce, inputs: Arrays, _fixed_order: bool) -> Arrays:
    (x,) = inputs
    axes = tuple(axis + 1 for axis in op.axes)
    y = x.max(axis=axes, keepdims=True) if op.function == "max" else ordered_sum(x, axes)
    if op.function == "mean":
        y = y / _count(op, x)
    return (y.reshape(len(x), *op.output_shape(x.shape[1:])),)


def _reduce_back(op: Reduce, inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
    (x,) = inputs
    kept = [1 if axis - 1 in op.axes else n for axis, n in enumerate(x.shape)]
    kept[0] = -1
    gradient = gradients[0].reshape(kept)
    if op.function == "max":  # ties share the gradient, as in torch.amax
        largest = x == outputs[0].reshape(kept)
        axes = tuple(axis + 1 for axis in op.axes)
        return (gradient * largest / largest.sum(axis=axes, keepdims=True),)
    divisor = _count(op, x) if op.function == "mean" else 1
    return (np.broadcast_to(gradient / divisor, (len(gradient), *x.shape[1:])).copy(),)


def _count(op: Reduce, x: FloatArray) -> int:
    return math.prod(x.shape[axis + 1] for axis in op.axes)


def _argmax(op: Argmax, inputs: Arrays, _fixed_order: bool) -> Arrays:
    (x,) = inputs
    y = np.argmax(x, axis=op.axis + 1).astype(np.float64)
    return (y.reshape(len(x), *op.output_shape(x.shape[1:])),)


def _argmax_back(_op: Argmax, inputs: Arrays, _outputs: Arrays, _gradients: Arrays) -> Arrays:
    return (np.zeros_like(inputs[0]),)


RULES = {Reduce: Rule(_reduce, _reduce_back), Argmax: Rule(_argmax, _argmax_back)}
