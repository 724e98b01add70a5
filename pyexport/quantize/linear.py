"""Makes the integers of one linear layer: weights, bias, multipliers, shifts, and the proof."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyexport.errors import QuantizationError
from pyexport.fixedpoint import (
    MULTIPLIER_BITS,
    encode_multiplier,
    normalized_shift,
)
from pyexport.ir import FloatArray, Linear, QuantizedLinear, QuantParams
from pyexport.quantize.bounds import accumulator_bounds, partial_sums_fit_int32
from pyexport.quantize.schemes import rescaled

BIAS_LIMIT = 2.0**28  # a bias uses at most 1/8 of an accumulator
MIN_RATIO = 2.0**-30  # a smaller ratio could not be normalized to 15 bits
MAX_SHARED_SHIFT_ERROR = 1 / 16  # output units that one shift for the whole layer may cost
WEIGHT_LIMIT = 127


@dataclass(frozen=True)
class QuantizedLayer:
    """The integer layer and its output's parameters, whose scale may have been made coarser."""

    op: QuantizedLinear
    output: QuantParams


def quantize_linear(
    name: str, linear: Linear, source: QuantParams, output: QuantParams, *, per_channel: bool
) -> QuantizedLayer:
    """Return the PX1 integers of a float layer whose input and output bytes are decided.

    Raises QuantizationError if an accumulator can leave int32 on a legal input.
    """
    while True:
        layer = _attempt(name, linear, source, output, per_channel)
        if layer is not None:
            break
        # More than 2**30 once shifted left: the output is finer than the accumulator's own unit.
        output = rescaled(output, 2.0)
    if not partial_sums_fit_int32(
        layer.weight, layer.bias, source.low, source.high, layer.pre_shift
    ):
        raise QuantizationError(
            f"{name}: a sum of {linear.weight.shape[1]} products can leave 32 bits; "
            "split the layer into narrower ones"
        )
    return QuantizedLayer(layer, output)


def _attempt(
    name: str, linear: Linear, source: QuantParams, output: QuantParams, per_channel: bool
) -> QuantizedLinear | None:
    scale = _weight_scales(linear, source, output, per_channel)
    weight = np.floor(linear.weight.astype(np.float64) / scale[:, None] + 0.5)
    weight = np.clip(weight, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)
    unit = source.scale * scale  # what one unit of the accumulator is worth
    bias = np.floor(linear.bias.astype(np.float64) / unit + 0.5).astype(np.int64)
    bias -= source.zero_point * weight.astype(np.int64).sum(axis=1)
    low, high = accumulator_bounds(weight, bias, source.low, source.high)
    ratio = unit / output.scale
    pre_shift = _pre_shift(float(ratio.max()))
    if pre_shift > 0 and int(max(-low.min(), high.max(), 1)) << pre_shift > 2**30:
        return None
    if abs(bias).max() > 2**31 - 1:  # only a zero point could do that: the proof would fail too
        raise QuantizationError(
            f"{name}: a bias with its zero point leaves 32 bits; split the layer into narrower ones"
        )
    multiplier, shift = _multipliers(ratio / 2.0**pre_shift, np.maximum(-low, high) << pre_shift)
    return QuantizedLinear(
        weight=weight,
        bias=bias.astype(np.int32),
        multiplier=multiplier,
        shift=shift,
        pre_shift=pre_shift,
        weight_scale=scale,
        acc_low=low,
        acc_high=high,
    )


def _weight_scales(
    linear: Linear, source: QuantParams, output: QuantParams, per_channel: bool
) -> FloatArray:
    """Return the worth of one weight unit per output: finite, and never too small for the bias."""
    largest = np.abs(linear.weight.astype(np.float64)).max(axis=1, initial=0.0)
    scale = largest / WEIGHT_LIMIT
    for_bias = np.abs(linear.bias.astype(np.float64)) / (source.scale * BIAS_LIMIT)
    for_ratio = MIN_RATIO * output.scale / source.scale
    scale = np.maximum(np.maximum(scale, for_bias), for_ratio)
    # A channel without weights is a constant: 256 accumulator units for one of the output.
    constant = np.maximum(for_bias, output.scale / source.scale / 256)
    scale = np.where(largest == 0.0, constant, scale)
    if not per_channel:
        scale = np.full_like(scale, scale[largest > 0.0].max(initial=0.0) or scale.max())
        scale = np.maximum(scale, for_bias.max())
    return np.asarray(scale, dtype=np.float64)


def _pre_shift(ratio: float) -> int:
    """Return the left shift after which the largest ratio leaves a rounding step (below 1/4)."""
    shift = 0
    while encode_multiplier(ratio / 2.0**shift, 1) >= 1 << MULTIPLIER_BITS:
        shift += 1
    return shift


def _multipliers(
    ratio: FloatArray, largest_acc: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the multiplier and shift of each output: one shift for all where that costs nothing.

    A multiplier at shift s is off by at most 2**-(17 + s), so an output by that times its largest
    accumulator. Where this passes MAX_SHARED_SHIFT_ERROR, each output has its own shift.
    """
    own = [normalized_shift(float(r)) for r in ratio]
    shared = min(own)
    error = largest_acc.astype(np.float64) * 2.0 ** -(17 + shared)
    shifts = [shared] * len(own) if error.max() <= MAX_SHARED_SHIFT_ERROR else own
    multipliers = [encode_multiplier(float(r), s) for r, s in zip(ratio, shifts, strict=True)]
    return np.array(multipliers, dtype=np.int32), np.array(shifts, dtype=np.int32)
