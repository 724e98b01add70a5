"""The threshold of an output: from a real number to the least output value that says yes."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from pyexport.errors import InvalidModelError
from pyexport.ir import Array, Tensor

DECIDED = 1 << 15  # the bit of a class word (verify) that says yes


def least_yes(threshold: float, output: Tensor) -> int | float:
    """Return the least output value, a byte or a float32, whose real number is >= threshold.

    Exact: scale and threshold are taken as the fractions that their floats are. A byte may lie
    outside the legal ones; then the answer is always the same.
    """
    quant = output.quant
    if quant is not None:
        return math.ceil(Fraction(threshold) / Fraction(quant.scale)) + quant.zero_point
    with np.errstate(over="ignore"):
        single = np.float32(threshold)
        if float(single) < threshold:
            single = np.nextafter(single, np.float32(np.inf))
    return float(single)


def decide(outputs: Array, least: float) -> Array:
    """Return for each row of outputs (n, output size) whether its last one says yes."""
    yes: Array = outputs[:, -1] >= least
    return yes


def check_threshold(threshold: float, output: Tensor) -> None:
    """Raise InvalidModelError unless some outputs say yes and some say no."""
    quant, least = output.quant, least_yes(threshold, output)
    if quant is None:
        if not math.isfinite(least):
            raise InvalidModelError(
                f"the output threshold {threshold:.9g} is beyond float32; state another"
            )
        return
    if quant.low < least <= quant.high:
        return
    low, high = (float(v) for v in quant.dequantize([quant.low, quant.high]))
    always = "never" if least > quant.high else "always"
    raise InvalidModelError(
        f"the output threshold {threshold:.9g} would {always} be reached: the exported output goes "
        f"from {low:.6g} to {high:.6g}; calibrate with rows that reach both sides of it, or state "
        "another"
    )
