"""Chooses the left shift of a layer's accumulators where an output is finer than they are."""

import numpy as np

from pyexport.fixedpoint import MULTIPLIER_BITS, encode_multiplier
from pyexport.ir import FloatArray
from pyexport.quantize.bounds import Int64Array

SHIFTED_LIMIT = 2**30  # of the magnitude of a shifted accumulator
SATURATING_RATIO = 256.0  # an accumulator of 1 then moves the output past every byte


def largest_ratio(pre_shift: int) -> float:
    """Return the largest ratio of accumulator to output unit that this pre_shift can express.

    A larger one is limited to SATURATING_RATIO, which changes no output.
    """
    expressible = ((1 << MULTIPLIER_BITS) - 1) * 2.0 ** (pre_shift - 17)
    return min(expressible, SATURATING_RATIO)


def choose_pre_shift(ratio: FloatArray, largest: Int64Array, products: Int64Array) -> int:
    """Return the left shift of a layer's accumulators, the one that costs least.

    ratio: accumulator unit in output units, one an output. largest: magnitude that each accumulator
    can reach. products: what each would gain if every weight of it grew by one.

    The shift that every ratio asks for is right if every shifted accumulator stays within
    SHIFTED_LIMIT. Otherwise two things can give way: at a smaller shift the large ratios are
    limited, at a larger one the weights of the wide accumulators become coarser.
    """
    wanted = _wanted(float(ratio.max()))
    fitting = wanted
    while fitting and int(largest.max()) << fitting > SHIFTED_LIMIT:
        fitting -= 1
    costs = [_cost(shift, ratio, largest, products) for shift in range(fitting, wanted + 1)]
    return fitting + int(np.argmin(costs))


def _wanted(ratio: float) -> int:
    """Return the left shift after which this ratio leaves a rounding step (below 1/4)."""
    ratio = min(ratio, SATURATING_RATIO)
    shift = 0
    while encode_multiplier(ratio / 2.0**shift, 1) >= 1 << MULTIPLIER_BITS:
        shift += 1
    return shift


def _cost(shift: int, ratio: FloatArray, largest: Int64Array, products: Int64Array) -> float:
    """Return the largest error that a shift adds to an accumulator, as a share of its range."""
    limit = largest_ratio(shift)
    # A limited ratio is right again where both it and the true one saturate.
    limited = np.where(ratio > limit, 255.0 / limit - 255.0 / ratio, 0.0)
    limited = np.where(limit >= SATURATING_RATIO, 0.0, limited)
    coarser = np.ceil(np.log2(np.maximum(largest * 2.0**shift / SHIFTED_LIMIT, 1.0)))
    rounded = (2.0**coarser - 1.0) * products / 2.0
    span = np.maximum(largest, 1).astype(np.float64)
    return float((np.minimum(np.maximum(limited, rounded), span) / span).max())
