"""Chooses how a tensor's real range becomes bytes: scale, zero point and limits."""

import math
from collections.abc import Sequence

import numpy as np

from pyexport.ir import Dataset, FloatArray, QuantParams
from pyexport.quantize.observers import Range

# Without data, a declared range like 0..1 or -1..1 is taken as continuous; a sensor that counts
# in whole steps has more of them.
MIN_INTEGRAL_SPAN = 16


def input_params(declared: Range, *data: Dataset | None) -> QuantParams:
    """Return the input's bytes for its declared range.

    An integral range inside 0..255 or -128..127 is not rescaled, so that raw sensor values go
    straight in (q = value). All known rows decide whether values are whole numbers; without any, a
    span of at least MIN_INTEGRAL_SPAN does. Other ranges use all 256 codes.
    """
    low, high = declared
    if _is_integral(low, high, [rows.inputs for rows in data if rows is not None]):
        if low >= 0 and high <= 255:
            return QuantParams("u8", 1.0, 0, int(low), int(high))
        if low >= -128 and high <= 127:
            return QuantParams("s8", 1.0, 0, int(low), int(high))
    return range_params(low, high)


def range_params(low: float, high: float, *, signed: bool = False, limit: int = 255) -> QuantParams:
    """Return u8 with zero point 0 for a range without negative values, s8 otherwise.

    `signed` asks for s8 although no negative value was seen: nothing says that there is none. Zero
    is always one of the codes. A range without width gets scale 1. `limit` is the largest
    code of u8.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if low == 0.0 and not signed:
        return QuantParams("u8", _scale(high, limit), 0, 0, limit)
    scale = _scale(high - low)
    zero_point = max(-128, min(127, math.floor(-128 - low / scale + 0.5)))
    return QuantParams("s8", scale, zero_point, -128, 127)


def clamped_params(params: QuantParams, low: float, high: float) -> QuantParams:
    """Return the parameters with the limits of a fused clamp; an infinity leaves one as it is."""
    limits = [params.low, params.high]
    for i, value in enumerate((low, high)):
        if math.isfinite(value):
            limits[i] = int(params.quantize(value))
    return QuantParams(params.dtype, params.scale, params.zero_point, limits[0], limits[1])


def _scale(span: float, steps: int = 255) -> float:
    scale = span / steps
    return scale if scale >= np.finfo(np.float64).tiny else 1.0


def taken_as_whole(params: QuantParams, *, from_data: bool) -> bool:
    """Return whether an input is read as whole numbers on thin grounds, which users must know.

    The grounds are thin without any data, and with data of few codes: one black image tells
    nothing about a range 0..1.
    """
    whole = params.dtype in ("u8", "s8") and params.scale == 1.0 and params.zero_point == 0
    return whole and (not from_data or params.high - params.low < MIN_INTEGRAL_SPAN)


def _is_integral(low: float, high: float, known: Sequence[FloatArray]) -> bool:
    if low != math.floor(low) or high != math.floor(high):
        return False
    rows = [inputs for inputs in known if inputs.size]
    if rows:
        return all(bool((inputs == np.floor(inputs)).all()) for inputs in rows)
    return high - low >= MIN_INTEGRAL_SPAN
