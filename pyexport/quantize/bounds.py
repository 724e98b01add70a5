"""Proved bounds of integer accumulators: interval arithmetic over the legal bytes of the input."""

import numpy as np
import numpy.typing as npt

from pyexport.fixedpoint import INT32_MAX, INT32_MIN

Int64Array = npt.NDArray[np.int64]


def accumulator_bounds(
    weight: npt.NDArray[np.generic], bias: npt.NDArray[np.generic], low: int, high: int
) -> tuple[Int64Array, Int64Array]:
    """Return the least and greatest final sum of each output, bias included, for low <= x <= high.

    weight is (n_out, n_in) and bias (n_out,), integers. Both bounds are reached by some input.
    """
    w, b = weight.astype(np.int64), bias.astype(np.int64)
    ends = w * low, w * high
    return b + np.minimum(*ends).sum(axis=1), b + np.maximum(*ends).sum(axis=1)


def partial_sums_fit_int32(
    weight: npt.NDArray[np.generic],
    bias: npt.NDArray[np.generic],
    low: int,
    high: int,
    pre_shift: int = 0,
) -> bool:
    """Return whether every partial sum, in any order of the inputs, is an int32.

    The sum starts at the bias; a partial sum misses some products, so zero counts as a possible
    value of each. The final sum shifted left by pre_shift must be an int32 too.
    """
    w, b = weight.astype(np.int64), bias.astype(np.int64)
    ends = w * low, w * high
    least = b + np.minimum(np.minimum(*ends), 0).sum(axis=1)
    greatest = b + np.maximum(np.maximum(*ends), 0).sum(axis=1)
    final_low, final_high = accumulator_bounds(weight, bias, low, high)
    return bool(
        (least >= INT32_MIN).all()
        and (greatest <= INT32_MAX).all()
        and (final_low << pre_shift >= INT32_MIN).all()
        and (final_high << pre_shift <= INT32_MAX).all()
    )


def bits_needed(low: int, high: int) -> int:
    """Return the width of the two's complement integer that holds low..high."""
    return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0) + 1
