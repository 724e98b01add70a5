"""Chooses the integers of an input that a front end reads: the raw numbers of a sensor.

Bytes where the input is integral, as everywhere. Otherwise 16 bits, and for each column a step that
is a power of ten, so that a reading of 13.20 goes in as 1320.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.fixedpoint import RANGES
from pyexport.ir import Affine, Array, Dataset, FloatArray, QuantParams
from pyexport.quantize.observers import Range
from pyexport.quantize.schemes import input_params

FLOAT32_ROUNDING = 2.0**-23  # relative: values may have been float32 once
EXPONENTS = range(308, -301, -1)  # of the steps, coarse to fine: all that float64 has


@dataclass(frozen=True, eq=False)
class Columns:
    """What is known of the input's columns: the reals to tell apart, and values that were seen."""

    low: FloatArray  # (columns,)
    high: FloatArray  # (columns,)
    values: FloatArray  # (rows, columns); no rows where nothing is known


def raw_input_params(
    affine: Affine, declared: Range, calibration: Dataset | None, evaluation: Dataset | None
) -> QuantParams:
    """Return how raw integers stand for the reals that an affine front end reads."""
    params = input_params(declared, calibration, evaluation)
    if (params.scale, params.zero_point) == (1.0, 0):
        return params
    columns = _columns(affine, declared, calibration, evaluation)
    dtype = "u16" if declared[0] >= 0.0 else "s16"
    steps = tuple(
        choose_step(low, high, values, dtype)
        for low, high, values in zip(columns.low, columns.high, columns.values.T, strict=True)
    )
    type_low, type_high = RANGES[dtype]
    if len(set(steps)) == 1:
        return QuantParams(dtype, steps[0], 0, type_low, type_high)
    return QuantParams(dtype, 1.0, 0, type_low, type_high, steps)


def choose_step(low: float, high: float, values: Array, dtype: str) -> float:
    """Return the power of ten that one unit of a column is worth.

    The largest, at most 1, of which all values are multiples; if that is too fine for low..high to
    fit the type, or there is none, the smallest that fits.
    """
    type_low, type_high = RANGES[dtype]
    with np.errstate(over="ignore"):  # what is infinite does not fit
        fitting = [
            step
            for step in (float(f"1e{exponent}") for exponent in EXPONENTS)
            if type_low <= low / step and high / step <= type_high
        ]
    if len(values):
        for step in fitting:
            if step <= 1.0 and _are_multiples(values, step):
                return step
    return fitting[-1]


def _are_multiples(values: Array, step: float) -> bool:
    units = values / step
    return bool((np.abs(units - np.round(units)) <= np.abs(units) * FLOAT32_ROUNDING).all())


def _columns(
    affine: Affine, declared: Range, calibration: Dataset | None, evaluation: Dataset | None
) -> Columns:
    """Return the reals that the columns must tell apart: inside the declared range.

    Where rows are known, at most one width beyond what they show, and only as far as the affine
    map does not saturate.
    """
    size = len(affine.scale)
    low, high = np.full(size, declared[0]), np.full(size, declared[1])
    rows = [
        data.inputs.reshape(-1, size)
        for data in (calibration, evaluation)
        if data is not None and len(data.inputs)
    ]
    values = np.concatenate(rows) if rows else np.empty((0, size))
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [(limit - affine.shift) / affine.scale for limit in (affine.low, affine.high)]
    varies = affine.scale != 0.0
    low = np.where(varies, np.maximum(low, np.minimum(*ends)), low)
    high = np.where(varies, np.minimum(high, np.maximum(*ends)), high)
    if len(values):
        least, most = values.min(axis=0), values.max(axis=0)
        with np.errstate(over="ignore"):
            low = np.minimum(np.maximum(low, least - (most - least)), least)
            high = np.maximum(np.minimum(high, most + (most - least)), most)
    return Columns(low, np.maximum(low, high), values)
