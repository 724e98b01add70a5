"""Softmax, LogSoftmax and LayerNorm in float64."""

from __future__ import annotations

import math

import numpy as np

from pyexport.ir import FloatArray, LayerNorm, LogSoftmax, Softmax
from pyexport.reference import functions
from pyexport.reference.rule import Arrays, Rule, ordered_sum


def _axis(op: Softmax | LogSoftmax) -> int:
    """Return the axis of an array that has the batch first."""
    return op.axis if op.axis < 0 else op.axis + 1


def _shifted(x: FloatArray, axis: int) -> FloatArray:
    return np.asarray(x - x.max(axis=axis, keepdims=True))


def _softmax(op: Softmax, inputs: Arrays, _fixed_order: bool) -> Arrays:
    axis = _axis(op) % inputs[0].ndim
    e = functions.exp(_shifted(inputs[0], axis))
    return (e / ordered_sum(e, (axis,)),)


def _softmax_back(op: Softmax, _inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
    (y,), (gradient,) = outputs, gradients
    return (y * (gradient - (gradient * y).sum(axis=_axis(op), keepdims=True)),)


def _log_softmax(op: LogSoftmax, inputs: Arrays, _fixed_order: bool) -> Arrays:
    axis = _axis(op) % inputs[0].ndim
    x = _shifted(inputs[0], axis)
    return (x - functions.log(ordered_sum(functions.exp(x), (axis,))),)


def _log_softmax_back(
    op: LogSoftmax, _inputs: Arrays, outputs: Arrays, gradients: Arrays
) -> Arrays:
    (y,), (gradient,) = outputs, gradients
    return (gradient - functions.exp(y) * gradient.sum(axis=_axis(op), keepdims=True),)


def _layer_norm(op: LayerNorm, inputs: Arrays, _fixed_order: bool) -> Arrays:
    normal, _ = _normalized(op, inputs[0])
    return (normal * op.weight.astype(np.float64) + op.bias.astype(np.float64),)


def _layer_norm_back(op: LayerNorm, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    normal, deviation = _normalized(op, inputs[0])
    axes = _last_axes(op, normal)
    g = gradients[0] * op.weight.astype(np.float64)
    mean = g.mean(axis=axes, keepdims=True)
    along = (g * normal).mean(axis=axes, keepdims=True)
    return ((g - mean - normal * along) / deviation,)


def _normalized(op: LayerNorm, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (x - mean) / deviation, and the deviation sqrt(variance + eps)."""
    axes = _last_axes(op, x)
    count = math.prod(op.weight.shape)
    centered = x - ordered_sum(x, axes) / count
    variance = ordered_sum(centered * centered, axes) / count
    deviation = np.sqrt(variance + op.eps)
    return centered / deviation, deviation


def _last_axes(op: LayerNorm, x: FloatArray) -> tuple[int, ...]:
    return tuple(range(x.ndim - op.weight.ndim, x.ndim))


RULES = {
    Softmax: Rule(_softmax, _softmax_back),
    LogSoftmax: Rule(_log_softmax, _log_softmax_back),
    LayerNorm: Rule(_layer_norm, _layer_norm_back),
}
