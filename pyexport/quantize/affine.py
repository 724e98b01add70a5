"""Makes the integers of one affine layer, which is a linear one whose weights are a diagonal."""

import numpy as np

from pyexport.errors import QuantizationError
from pyexport.ir import Affine, FloatArray, QuantizedAffine, QuantParams
from pyexport.quantize.linear import (
    BIAS_LIMIT,
    MIN_RATIO,
    WEIGHT_LIMIT,
    make_integers,
    prove_sums,
    requantization,
)
from pyexport.quantize.pre_shift import SHIFTED_LIMIT, choose_pre_shift


def quantize_affine(
    name: str, affine: Affine, source: QuantParams, output: QuantParams
) -> QuantizedAffine:
    """Return the PX1 integers of an affine layer whose input and output integers are decided.

    A weight has the largest magnitude that the sums allow, 127 in nearly every column, and its
    scale is the float scale by it: the weight itself is never rounded. Raises QuantizationError if
    an accumulator can leave int32 on a legal input.
    """
    slope, offset = affine.scale.astype(np.float64), affine.shift.astype(np.float64)
    with np.errstate(over="ignore"):
        least = _least_scales(offset, source, output)
        limit = np.minimum(np.floor(np.abs(slope) / least), WEIGHT_LIMIT)
    while True:
        scale = _weight_scales(name, slope, limit, least, source, output)
        weight = np.where(limit > 0, slope, 0.0)[:, None]
        integers = make_integers(weight, offset, source, scale)
        ratio = source.unit * scale / output.scale
        pre_shift = choose_pre_shift(ratio, integers.largest, integers.products(source))
        wide = (integers.largest << pre_shift) > SHIFTED_LIMIT
        if not (pre_shift and (wide & (limit > 1)).any()):
            break
        limit = np.where(wide & (limit > 1), limit // 2, limit)
    prove_sums(name, integers, source, pre_shift)
    multiplier, shift = requantization(ratio, integers.largest, pre_shift)
    return QuantizedAffine(
        weight=integers.weight[:, 0],
        bias=integers.bias.astype(np.int32),
        multiplier=multiplier,
        shift=shift,
        pre_shift=pre_shift,
        weight_scale=scale,
        acc_low=integers.low,
        acc_high=integers.high,
        activation_low=float(affine.low),
        activation_high=float(affine.high),
    )


def _least_scales(offset: FloatArray, source: QuantParams, output: QuantParams) -> FloatArray:
    """Return how little one unit of each weight may be worth: for the bias and the multiplier."""
    for_bias = np.abs(offset) / (source.unit * BIAS_LIMIT)
    return np.maximum(for_bias, MIN_RATIO * np.asarray(output.scale / source.unit))


def _weight_scales(
    name: str,
    slope: FloatArray,
    limit: FloatArray,
    least: FloatArray,
    source: QuantParams,
    output: QuantParams,
) -> FloatArray:
    """Return what one unit of each weight is worth; a constant has 256 units a step of output."""
    with np.errstate(over="ignore", under="ignore"):  # what leaves the type is refused below
        constant = np.maximum(least, np.asarray(output.scale / source.unit / 256))
        scale = np.where(limit > 0, np.abs(slope) / np.maximum(limit, 1.0), constant)
        ratio = source.unit * scale / output.scale
    if not (np.isfinite(ratio).all() and (ratio > 0.0).all()):
        raise QuantizationError(
            f"{name}: its input steps and output steps have no common integers; scale the input"
        )
    return scale
