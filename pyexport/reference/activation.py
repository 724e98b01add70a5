"""Functions of one element in float64, and their slopes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pyexport.ir import Activation, Clamp, FloatArray, PRelu
from pyexport.reference import functions
from pyexport.reference.rule import Arrays, Rule, passed

_ROOT_HALF = math.sqrt(0.5)
_TANH_GELU = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715

Curve = Callable[..., FloatArray]  # of x and the parameters of the function


def apply(op: Activation, x: FloatArray) -> FloatArray:
    """Return the function of each element."""
    return np.asarray(CURVES[op.function][0](x, *op.parameters), dtype=np.float64)


def slope(op: Activation, x: FloatArray) -> FloatArray:
    """Return the derivative of the function at each element."""
    return np.asarray(CURVES[op.function][1](x, *op.parameters), dtype=np.float64)


def _elu(x: FloatArray, alpha: float, scale: float) -> FloatArray:
    return scale * np.where(x > 0.0, x, alpha * functions.expm1(np.minimum(x, 0.0)))


def _elu_slope(x: FloatArray, alpha: float, scale: float) -> FloatArray:
    return scale * np.where(x > 0.0, 1.0, alpha * functions.exp(np.minimum(x, 0.0)))


def _celu(x: FloatArray, alpha: float) -> FloatArray:
    return np.where(x > 0.0, x, alpha * functions.expm1(np.minimum(x / alpha, 0.0)))


def _celu_slope(x: FloatArray, alpha: float) -> FloatArray:
    return np.where(x > 0.0, 1.0, functions.exp(np.minimum(x / alpha, 0.0)))


def _sigmoid_slope(x: FloatArray) -> FloatArray:
    return functions.sigmoid(x) * functions.sigmoid(-x)


def _log_sigmoid(x: FloatArray) -> FloatArray:
    return np.minimum(x, 0.0) - functions.log1p_of_0_to_1(functions.exp(-np.abs(x)))


def _tanh_slope(x: FloatArray) -> FloatArray:
    return 1.0 - functions.tanh(x) ** 2


def _hardsigmoid(x: FloatArray) -> FloatArray:
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def _hardsigmoid_slope(x: FloatArray) -> FloatArray:
    return np.where((x > -3.0) & (x < 3.0), 1.0 / 6.0, 0.0)


def _hardswish(x: FloatArray) -> FloatArray:
    return x * np.clip(x + 3.0, 0.0, 6.0) / 6.0


def _hardswish_slope(x: FloatArray) -> FloatArray:
    return np.where(x <= -3.0, 0.0, np.where(x < 3.0, x / 3.0 + 0.5, 1.0))


def _silu(x: FloatArray) -> FloatArray:
    return x * functions.sigmoid(x)


def _silu_slope(x: FloatArray) -> FloatArray:
    s = functions.sigmoid(x)
    return s + x * _sigmoid_slope(x)


def _softplus(x: FloatArray, beta: float, threshold: float) -> FloatArray:
    t = beta * x
    soft = (np.maximum(t, 0.0) + functions.log1p_of_0_to_1(functions.exp(-np.abs(t)))) / beta
    return np.where(t > threshold, x, soft)


def _softplus_slope(x: FloatArray, beta: float, threshold: float) -> FloatArray:
    return np.where(beta * x > threshold, 1.0, functions.sigmoid(beta * x))


def _mish(x: FloatArray) -> FloatArray:
    return x * functions.tanh(_softplus(x, 1.0, math.inf))


def _mish_slope(x: FloatArray) -> FloatArray:
    t = functions.tanh(_softplus(x, 1.0, math.inf))
    return t + x * (1.0 - t * t) * functions.sigmoid(x)


def _gelu(x: FloatArray) -> FloatArray:
    return x * (0.5 * (1.0 + functions.erf(x * _ROOT_HALF)))


def _gelu_slope(x: FloatArray) -> FloatArray:
    density = functions.exp(-0.5 * np.minimum(x * x, 1500.0)) / math.sqrt(2.0 * math.pi)
    return 0.5 * (1.0 + functions.erf(x * _ROOT_HALF)) + x * density


def _gelu_tanh(x: FloatArray) -> FloatArray:
    return 0.5 * x * (1.0 + functions.tanh(_TANH_GELU * (x + _CUBIC * x * x * x)))


def _gelu_tanh_slope(x: FloatArray) -> FloatArray:
    t = functions.tanh(_TANH_GELU * (x + _CUBIC * x * x * x))
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * _TANH_GELU * (1.0 + 3.0 * _CUBIC * x * x)


CURVES: dict[str, tuple[Curve, Curve]] = {  # name -> function and slope
    "leaky_relu": (
        lambda x, slope: np.where(x >= 0.0, x, slope * x),
        lambda x, slope: np.where(x > 0.0, 1.0, slope),
    ),
    "elu": (_elu, _elu_slope),
    "celu": (_celu, _celu_slope),
    "sigmoid": (functions.sigmoid, _sigmoid_slope),
    "log_sigmoid": (_log_sigmoid, lambda x: functions.sigmoid(-x)),
    "tanh": (functions.tanh, _tanh_slope),
    "hardsigmoid": (_hardsigmoid, _hardsigmoid_slope),
    "hardswish": (_hardswish, _hardswish_slope),
    "silu": (_silu, _silu_slope),
    "mish": (_mish, _mish_slope),
    "gelu": (_gelu, _gelu_slope),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_slope),
    "softplus": (_softplus, _softplus_slope),
    "softsign": (lambda x: x / (1.0 + np.abs(x)), lambda x: 1.0 / (1.0 + np.abs(x)) ** 2),
    "exp": (functions.exp, functions.exp),
    "abs": (np.abs, np.sign),
}


def _activation(op: Activation, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (apply(op, inputs[0]),)


def _activation_back(op: Activation, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    return (gradients[0] * slope(op, inputs[0]),)


def _clamp(op: Clamp, inputs: Arrays, _fixed_order: bool) -> Arrays:
    return (np.asarray(np.clip(inputs[0], op.low, op.high)),)


def _clamp_back(op: Clamp, _inputs: Arrays, outputs: Arrays, gradients: Arrays) -> Arrays:
    return (passed(gradients[0], outputs[0], op.low, op.high),)


def _prelu(op: PRelu, inputs: Arrays, _fixed_order: bool) -> Arrays:
    (x,) = inputs
    return (np.where(x >= 0.0, x, op.slope.astype(np.float64) * x),)


def _prelu_back(op: PRelu, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    return (gradients[0] * np.where(inputs[0] > 0.0, 1.0, op.slope.astype(np.float64)),)


RULES = {
    Activation: Rule(_activation, _activation_back),
    Clamp: Rule(_clamp, _clamp_back),
    PRelu: Rule(_prelu, _prelu_back),
}
