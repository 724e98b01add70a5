"""Elementary functions from additions and multiplications alone: the same bits on every machine.

NumPy's exp and tanh depend on the processor's vector unit. Calibration turns float values into
scales, so they must not. Errors are a few units of the last place (tested).
"""

from __future__ import annotations

import math

import numpy as np

from pyexport.ir import FloatArray

_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # ln 2 in two parts: k * high is exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_LARGEST_EXPONENT = 745.2  # exp(-745.2) is 0; exp(710) is infinite
_EXP_TERMS = 14  # of the Taylor series on -ln 2 / 2 .. ln 2 / 2
_SMALL = 0.3  # below, exp(x) - 1 has a series of its own
_ERF_ONE = 6.0  # erf is 1 in double precision from here on
_ERF_TERMS = 160


def exp(x: FloatArray) -> FloatArray:
    """Return e**x; 0 or infinity where it leaves double precision."""
    x = np.clip(x, -_LARGEST_EXPONENT, 710.0)
    k = np.rint(x * (1.0 / math.log(2.0)))
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    total = np.ones_like(r)
    for n in range(_EXP_TERMS, 0, -1):
        total = 1.0 + total * (r / n)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(total, k.astype(np.int32)))


def expm1(x: FloatArray) -> FloatArray:
    """Return e**x - 1, exact to the last places near 0 too."""
    small = np.clip(x, -_SMALL, _SMALL)
    total = np.ones_like(small)
    for n in range(_EXP_TERMS, 1, -1):
        total = 1.0 + total * (small / n)
    return np.where(np.abs(x) < _SMALL, small * total, exp(x) - 1.0)


def log(x: FloatArray) -> FloatArray:
    """Return the natural logarithm of positive numbers."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, 2.0 * mantissa, mantissa)
    k = exponent - low.astype(np.float64)
    return np.asarray(
        k * _LN2_HIGH + (_twice_atanh((mantissa - 1.0) / (mantissa + 1.0), 12) + k * _LN2_LOW)
    )


def log1p_of_0_to_1(x: FloatArray) -> FloatArray:
    """Return the natural logarithm of 1 + x for 0 <= x <= 1."""
    return _twice_atanh(x / (2.0 + x), 19)


def sigmoid(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x))."""
    e = exp(-np.abs(x))
    return np.asarray(np.where(x >= 0.0, 1.0, e) / (1.0 + e))


def tanh(x: FloatArray) -> FloatArray:
    """Return the hyperbolic tangent."""
    e = expm1(-2.0 * np.abs(x))  # -1 .. 0
    return np.asarray(np.copysign(-e / (2.0 + e), x))


def erf(x: FloatArray) -> FloatArray:
    """Return the error function, by a series whose terms are all positive."""
    size = np.minimum(np.abs(x), _ERF_ONE)
    square = 2.0 * size * size
    total = np.ones_like(size)
    for n in range(_ERF_TERMS, 0, -1):
        total = 1.0 + total * (square / (2 * n + 1))
    series = (2.0 / math.sqrt(math.pi)) * size * exp(-size * size) * total
    return np.asarray(np.copysign(np.where(np.abs(x) >= _ERF_ONE, 1.0, series), x))


def _twice_atanh(s: FloatArray, terms: int) -> FloatArray:
    square = s * s
    total = np.zeros_like(s)
    for n in range(2 * terms - 1, 0, -2):
        total = 1.0 / n + total * square
    return 2.0 * s * total
