"""Makes the integers of a linear layer and its neurons: weights, thresholds, leaks, and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyexport.errors import QuantizationError
from pyexport.integer.membranes import (
    Q15_LIMIT,
    WIDE,
    Bounds,
    current_bounds,
    reached,
    settled,
    synaptic_bounds,
)
from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, FloatArray, Lif, Linear, QuantParams
from pyexport.quantize.observers import Range

DEFAULT_FRACTION = 2  # a quarter of an int8 weight
SHIFT_ERROR = 2.0**-16  # how far 1 - 2**-k may be from a leak that it stands for
LONGEST_SHIFT = 15
BIAS_LIMIT = 2.0**26  # in units of a membrane
HEADROOM = 1.25  # of membranes that calibration saw, before limits that saturate
CONSTANT_UNITS = 2.0**12  # in a threshold, where no weight tells a unit
NARROW = 32767


@dataclass(frozen=True)
class Layer:
    """A float linear layer and the neurons behind it."""

    title: str
    linear: Linear
    neurons: Lif
    steps: int
    one_unit: bool  # whether membranes are compared between neurons
    membranes: bool  # whether anything reads them
    per_channel: bool
    seen: Range  # what membranes the float network has


@dataclass(frozen=True)
class Made:
    """The integer layer, and what its user should know about it."""

    op: QuantizedLif
    warnings: tuple[str, ...] = ()


def quantize_neurons(layer: Layer, source: QuantParams) -> Made:
    """Return the integers of a layer that reads these bytes.

    The finest unit, up to DEFAULT_FRACTION bits below a weight's, whose limits are proved to fit 16
    bits; else the finest whose limits are proved; else the finest whose limits are beyond what
    calibration saw, which then saturate.
    """
    made = [_integers(layer, source, bits) for bits in range(DEFAULT_FRACTION, -1, -1)]
    for most in (NARROW, WIDE):
        for op in made:
            proved = _proved(op, source, min(most, WIDE if op.shift_leak else Q15_LIMIT))
            if proved is not None:
                return Made(proved)
    for op in made:
        limit = WIDE if op.shift_leak else Q15_LIMIT
        if HEADROOM * _seen(layer, op) <= limit and int(op.threshold.max()) * 2 <= limit:
            return Made(_saturating(op, source, limit))
    return _coarse(layer, made[-1], source)


def _integers(
    layer: Layer, source: QuantParams, fraction: int, coarser: float = 1.0
) -> QuantizedLif:
    lif, linear = layer.neurons, layer.linear
    scale = coarser * _weight_scales(layer, source, fraction)
    rounded = np.floor(linear.weight.astype(np.float64) / scale[:, None] + 0.5)
    weight = np.clip(rounded, -127, 127).astype(np.int8)
    unit = scale * source.scale / 2.0**fraction
    offset = (source.zero_point * weight.astype(np.int64).sum(axis=1)) << fraction
    bias = _whole(linear.bias / unit) - offset
    if np.abs(bias).max() > WIDE:
        raise QuantizationError(
            f"{layer.title}: a bias leaves 31 bits; split the layer into narrower ones"
        )
    leak, shift_leak = _leak(lif.beta)
    synaptic, shift_synaptic = _leak(lif.alpha)
    fields: dict[str, Any] = {
        "weight": weight,
        "bias": bias.astype(np.int32),
        "threshold": np.clip(_whole(lif.threshold / unit), 1, WIDE).astype(np.int32),
        "leak": leak,
        "synaptic": synaptic,
        "v_reset": np.clip(_whole(lif.v_reset / unit), -WIDE, WIDE).astype(np.int32),
        "unit": unit,
        "steps": layer.steps,
        "fraction": fraction,
        "shift_leak": shift_leak,
        "shift_synaptic": shift_synaptic,
        "reset": lif.reset,
        "reset_delay": lif.reset_delay,
        "compare": lif.compare,
        "refractory": lif.refractory,
        "low": -WIDE,
        "high": WIDE,
        "synaptic_limit": 0,
        "saturating": False,
        "membranes": layer.membranes,
        "stateful": False,
    }
    op = QuantizedLif(**fields)
    return replace(op, v_reset=np.minimum(op.v_reset, op.threshold - 1))


def _weight_scales(layer: Layer, source: QuantParams, fraction: int) -> FloatArray:
    """Return the worth of one weight unit of each neuron; one for all where membranes meet."""
    weight, bias = layer.linear.weight.astype(np.float64), layer.linear.bias.astype(np.float64)
    largest = np.abs(weight).max(axis=1, initial=0.0)
    of_unit = 2.0**fraction / source.scale
    for_bias = np.abs(bias) * of_unit / BIAS_LIMIT
    constant = np.maximum(layer.neurons.threshold, np.abs(bias)) * of_unit / CONSTANT_UNITS
    scale = np.where(largest > 0.0, np.maximum(largest / 127, for_bias), constant)
    if layer.one_unit or not layer.per_channel:
        scale = np.full_like(scale, scale[largest > 0.0].max(initial=0.0) or scale.max())
        scale = np.maximum(scale, for_bias.max())
    if not (np.isfinite(scale).all() and (scale > 0.0).all()):
        raise QuantizationError(
            f"{layer.title}: its weights and thresholds have no common integers; bring its "
            "weights and thresholds to about -1..1"
        )
    return np.asarray(scale, dtype=np.float64)


def _leak(factor: Array) -> tuple[Array, bool]:
    """Return shifts k where every factor is 1 - 2**-k, or factors in 2**-15."""
    kept = factor.astype(np.float64)
    if kept.size == 0:
        return np.zeros(0, np.int32), True
    with np.errstate(divide="ignore"):
        shift = np.clip(np.floor(-np.log2(1.0 - kept) + 0.5), 1, LONGEST_SHIFT)
    if (np.abs(1.0 - 2.0**-shift - kept) <= SHIFT_ERROR).all() and (kept < 1.0).all():
        return shift.astype(np.int32), True
    return _whole(kept * 2.0**15).astype(np.int32), False


def _whole(real: Any) -> Any:
    return np.floor(np.clip(real, -1e12, 1e12) + 0.5).astype(np.int64)


def _proved(op: QuantizedLif, source: QuantParams, most: int) -> QuantizedLif | None:
    """Return the layer with limits that no legal input crosses, of at most this magnitude."""
    found = _currents(op, source)
    if found is None:
        return None
    op, current = found
    for bounds in (settled(op, current), reached(op, current, op.steps)):
        if bounds is not None and (within := _within(op, bounds, most)):
            return replace(op, low=within[0], high=within[1], threshold=_below(op, within[1]))
    return None


def _currents(op: QuantizedLif, source: QuantParams) -> tuple[QuantizedLif, Bounds] | None:
    """Return the layer with the limit of its synaptic current, and what charges a membrane."""
    try:
        low, high = current_bounds(op.weight, op.bias, op.fraction, source)
    except ValueError:
        return None
    if not len(op.synaptic):
        return op, (low, high)
    most = WIDE if op.shift_synaptic else Q15_LIMIT
    for steps in (None, op.steps):
        bounds = synaptic_bounds(op, low, high, steps)
        limit = max(int(-bounds[0].min()), int(bounds[1].max()), 1)
        if limit <= most:
            return replace(op, synaptic_limit=limit), bounds
    return None


def _within(op: QuantizedLif, bounds: Bounds, most: int) -> tuple[int, int] | None:
    """Return limits around bounds, with a place above them for a threshold that nobody reaches."""
    low, high = min(int(bounds[0].min()), 0), max(int(bounds[1].max()) + 1, 1)
    low = min(low, int(op.v_reset.min()))
    return (low, high) if -low <= most and high <= most else None


def _below(op: QuantizedLif, high: int) -> Array:
    """Return thresholds of at most `high`, which no membrane reaches: it is above the bounds."""
    return np.minimum(op.threshold, high).astype(np.int32)


def _seen(layer: Layer, op: QuantizedLif) -> float:
    """Return the largest membrane of the float network in the smallest unit."""
    return max(abs(layer.seen[0]), abs(layer.seen[1])) / float(op.unit.min())


def _saturating(op: QuantizedLif, source: QuantParams, limit: int) -> QuantizedLif:
    most = (WIDE if op.shift_synaptic else Q15_LIMIT) if len(op.synaptic) else 0
    current_bounds(op.weight, op.bias, op.fraction, source)  # refuses what leaves 31 bits
    return replace(op, low=-limit, high=limit, synaptic_limit=most, saturating=True)


def _coarse(layer: Layer, op: QuantizedLif, source: QuantParams) -> Made:
    """Return a layer whose unit is so large that its thresholds, at least, are within limits."""
    limit = WIDE if op.shift_leak else Q15_LIMIT
    wanted = max(HEADROOM * _seen(layer, op), 2.0 * int(op.threshold.max()))
    factor = 2.0 ** max(0, np.ceil(np.log2(wanted / limit)))
    coarser = _integers(layer, source, 0, factor)
    note = (
        f"{layer.title}: weights are stored {factor:.0f} times coarser than 8 bits allow, because "
        "membranes go far beyond its smallest weights; compare the accuracy with the float model's"
    )
    return Made(_saturating(coarser, source, limit), (note,))
