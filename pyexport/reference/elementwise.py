"""Arithmetic of two tensors, constants and per-channel affine maps in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyexport.ir import Add, Affine, Constant, FloatArray, Mul, Sub
from pyexport.reference.linear import aligned, summed
from pyexport.reference.rule import Arrays, Rule, passed

Binary = Add | Sub | Mul
Function = Callable[[FloatArray, FloatArray], FloatArray]


def _binary(function: Function) -> Callable[[Binary, Arrays, bool], Arrays]:
    def forward(op: Binary, inputs: Arrays, _fixed_order: bool) -> Arrays:
        a, b = _aligned(inputs)
        return (np.clip(function(a, b), op.low, op.high),)

    return forward


def _binary_back(
    left: Function, right: Function
) -> Callable[[Binary, Arrays, Arrays, Arrays], Arrays]:
    """Return the backward function whose slopes are left(a, b) and right(a, b)."""

    def backward(op: Binary, inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
        a, b = _aligned(inputs)
        gradient = passed(gradients[0], outputs[0], op.low, op.high)
        return tuple(
            summed(gradient * slope(a, b), x.shape).reshape(source.shape)
            for slope, x, source in zip((left, right), (a, b), inputs, strict=True)
        )

    return backward


def _aligned(inputs: Arrays) -> tuple[FloatArray, FloatArray]:
    rank = max(x.ndim for x in inputs)
    return aligned(inputs[0], rank), aligned(inputs[1], rank)


def _one(_a: FloatArray, _b: FloatArray) -> FloatArray:
    return np.ones(1)


def _minus_one(_a: FloatArray, _b: FloatArray) -> FloatArray:
    return -np.ones(1)


def _affine(op: Affine, inputs: Arrays, _fixed_order: bool) -> Arrays:
    y = inputs[0] * op.scale.astype(np.float64) + op.shift.astype(np.float64)
    return (np.clip(y, op.low, op.high),)


def _affine_back(op: Affine, _inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
    gradient = passed(gradients[0], outputs[0], op.low, op.high)
    return (gradient * op.scale.astype(np.float64),)


def _constant(op: Constant, _inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (op.value.astype(np.float64)[None],)  # a batch of 1, which broadcasts


def _constant_back(_op: Constant, _inputs: Arrays, _outputs: Arrays, _back: Arrays) -> Arrays:
    return ()


RULES = {
    Add: Rule(_binary(np.add), _binary_back(_one, _one)),
    Sub: Rule(_binary(np.subtract), _binary_back(_one, _minus_one)),
    Mul: Rule(_binary(np.multiply), _binary_back(lambda _, b: b, lambda a, _: a)),
    Affine: Rule(_affine, _affine_back),
    Constant: Rule(_constant, _constant_back),
}
