"""Makes the integers of one linear layer: weights, bias, multipliers, shifts, and the proof."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyexport.errors import QuantizationError
from pyexport.fixedpoint import RANGES, encode_multiplier, normalized_shift
from pyexport.ir import Array, FloatArray, Linear, QuantizedLinear, QuantParams
from pyexport.quantize.bounds import Int64Array, accumulator_bounds, partial_sums_fit_int32
from pyexport.quantize.pre_shift import SHIFTED_LIMIT, choose_pre_shift, largest_ratio
from pyexport.quantize.weight_bits import LARGEST, row_scales

BIAS_LIMIT = 2.0**28  # a bias uses at most 1/8 of an accumulator
MIN_RATIO = 2.0**-30  # a smaller ratio could not be normalized to 15 bits
MAX_SHARED_SHIFT_ERROR = 1 / 16  # output units that one shift for the whole layer may cost
WEIGHT_LIMIT = 127
INT16_MIN, INT16_MAX = RANGES["s16"]
NARROW_MARGIN = 1.0 + 2.0**-10  # so that shrinking rows ends in a few steps
TOLD_COARSENING = 2.0  # weights that lose more than one bit are worth a warning


@dataclass(frozen=True)
class QuantizedLayer:
    """The integer layer, and what its user should know about it."""

    op: QuantizedLinear
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Integers:
    """Weights and biases at one choice of weight scales, and the bounds of their sums."""

    weight: npt.NDArray[np.int8]  # (n_out, products of a sum)
    bias: Int64Array
    low: Int64Array
    high: Int64Array

    @property
    def largest(self) -> Int64Array:
        """The largest magnitude of each output's accumulator."""
        return np.maximum(-self.low, self.high)

    def products(self, source: QuantParams) -> Int64Array:
        """Return what each sum would gain if every weight of it grew by one."""
        largest: int = max(abs(source.low), abs(source.high))
        return np.asarray((self.weight != 0).sum(axis=1) * largest)


def quantize_linear(
    name: str,
    linear: Linear,
    source: QuantParams,
    output: QuantParams,
    *,
    per_channel: bool,
    narrow: bool = False,
    bits: int = 8,
) -> QuantizedLayer:
    """Return the PX1 integers of a float layer whose input and output bytes are decided.

    narrow: weights become as coarse as final sums of 16 bits need. bits: of a weight, 4 or 8.

    Raises QuantizationError if an accumulator can leave int32 on a legal input.
    """
    scale = _weight_scales(name, linear, source, output, per_channel, bits)
    if narrow:
        scale = narrow_scales(linear, source, scale, per_channel, LARGEST[bits])
    integers = make_integers(linear.weight, linear.bias, source, scale, LARGEST[bits])
    ratio = source.scale * scale / output.scale
    pre_shift = choose_pre_shift(ratio, integers.largest, integers.products(source))
    factor = np.ones_like(scale)
    while pre_shift and (integers.largest << pre_shift).max() > SHIFTED_LIMIT:
        wide = (integers.largest << pre_shift) > SHIFTED_LIMIT
        factor = np.where(wide, factor * 2.0, factor) if per_channel else factor * 2.0
        integers = make_integers(linear.weight, linear.bias, source, scale * factor, LARGEST[bits])
    scale = scale * factor
    prove_sums(name, integers, source, pre_shift)
    ratio = source.scale * scale / output.scale
    multiplier, shift = requantization(ratio, integers.largest, pre_shift)
    op = QuantizedLinear(
        weight=integers.weight,
        bias=integers.bias.astype(np.int32),
        multiplier=multiplier,
        shift=shift,
        pre_shift=pre_shift,
        weight_scale=scale,
        acc_low=integers.low,
        acc_high=integers.high,
        activation_low=float(linear.low),
        activation_high=float(linear.high),
    )
    return QuantizedLayer(op, _warnings(name, factor))


def make_integers(
    weight: Array,
    bias: Array,
    source: QuantParams,
    scale: FloatArray,
    largest: int = WEIGHT_LIMIT,
) -> Integers:
    """Return the integers of weights (n_out, products) and biases at weight scales (n_out,).

    The source has one unit for all products of a sum: a scale, or for one product a sum, steps.
    """
    rounded = np.floor(weight.astype(np.float64) / scale[:, None] + 0.5)
    integers = np.clip(rounded, -largest, largest).astype(np.int8)
    unit = source.unit * scale  # what one unit of the accumulator is worth
    start = np.floor(bias.astype(np.float64) / unit + 0.5).astype(np.int64)
    start -= source.zero_point * integers.astype(np.int64).sum(axis=1)
    low, high = accumulator_bounds(integers, start, source.low, source.high)
    return Integers(integers, start, low, high)


def narrow_scales(
    linear: Linear,
    source: QuantParams,
    scale: FloatArray,
    per_channel: bool,
    largest: int = WEIGHT_LIMIT,
) -> FloatArray:
    """Return weight scales no smaller than these at which every final sum fits 16 bits.

    They grow by what the bound is too large by, which rounding can leave a little too large again.
    """
    while True:
        integers = make_integers(linear.weight, linear.bias, source, scale, largest)
        excess = np.maximum(integers.high / INT16_MAX, integers.low / INT16_MIN)
        if excess.max() <= 1.0:
            return scale
        excess = np.where(excess > 1.0, excess * NARROW_MARGIN, 1.0)
        scale = scale * (excess if per_channel else excess.max())


def prove_sums(name: str, integers: Integers, source: QuantParams, pre_shift: int) -> None:
    """Raise QuantizationError if an accumulator can leave int32 on a legal input."""
    if np.abs(integers.bias).max() > 2**31 - 1:  # only a zero point could do that
        raise QuantizationError(
            f"{name}: a bias with its zero point leaves 32 bits; split the layer into narrower ones"
        )
    if not partial_sums_fit_int32(
        integers.weight, integers.bias, source.low, source.high, pre_shift
    ):
        raise QuantizationError(
            f"{name}: a sum of {integers.weight.shape[1]} products can leave 32 bits; "
            "split the layer into narrower ones"
        )


def _weight_scales(
    name: str,
    linear: Linear,
    source: QuantParams,
    output: QuantParams,
    per_channel: bool,
    bits: int,
) -> FloatArray:
    """Return the worth of one weight unit per output: finite, and never too small for the bias."""
    largest = np.abs(linear.weight.astype(np.float64)).max(axis=1, initial=0.0)
    scale = largest / WEIGHT_LIMIT
    if bits != 8:
        scale = row_scales(linear.weight, LARGEST[bits], per_channel=per_channel)
    with np.errstate(over="ignore"):
        for_bias = np.abs(linear.bias.astype(np.float64)) / (source.scale * BIAS_LIMIT)
        for_ratio = MIN_RATIO * (np.float64(output.scale) / source.scale)
        # A channel without weights is a constant: 256 accumulator units for one of the output.
        constant = np.maximum(for_bias, np.float64(output.scale) / source.scale / 256)
    scale = np.maximum(np.maximum(scale, for_bias), for_ratio)
    scale = np.where(largest == 0.0, constant, scale)
    if not per_channel:
        scale = np.full_like(scale, scale[largest > 0.0].max(initial=0.0) or scale.max())
        scale = np.maximum(scale, for_bias.max())
    with np.errstate(over="ignore", under="ignore"):
        ratio = source.scale * scale / output.scale
    if not (np.isfinite(scale).all() and np.isfinite(ratio).all() and (ratio > 0.0).all()):
        raise QuantizationError(
            f"{name}: its input steps of {source.scale:.3g} and output steps of {output.scale:.3g} "
            "have no common integers; leave out the clamp that makes one of them so small"
        )
    return np.asarray(scale, dtype=np.float64)


def requantization(
    ratio: FloatArray, largest: Int64Array, pre_shift: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the multiplier and shift of each output: one shift for all where that costs nothing.

    ratio: accumulator unit in output units. largest: magnitude of each accumulator.
    A multiplier at shift s is off by at most 2**-(17 + s), so an output by that times its largest
    accumulator. Where this passes MAX_SHARED_SHIFT_ERROR, each output has its own shift.
    """
    ratio = np.minimum(ratio, largest_ratio(pre_shift)) / 2.0**pre_shift
    largest_acc = largest << pre_shift
    own = [normalized_shift(float(r)) for r in ratio]
    shared = min(own)
    error = largest_acc.astype(np.float64) * 2.0 ** -(17 + shared)
    shifts = [shared] * len(own) if error.max() <= MAX_SHARED_SHIFT_ERROR else own
    multipliers = [encode_multiplier(float(r), s) for r, s in zip(ratio, shifts, strict=True)]
    return np.array(multipliers, dtype=np.int32), np.array(shifts, dtype=np.int32)


def _warnings(name: str, factor: FloatArray) -> tuple[str, ...]:
    if factor.max() <= TOLD_COARSENING:
        return ()
    return (
        f"{name}: weights of {int((factor > TOLD_COARSENING).sum())} of {len(factor)} outputs are "
        f"stored up to {factor.max():.0f} times coarser than 8 bits allow, because other outputs "
        "of the layer have far smaller sums; compare the accuracy with the float model's",
    )
