"""Float32 linear layers."""

import math
from typing import Any

from pyexport.codegen.text import c_float, counter_type


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    low, high = float(params["low"]), float(params["high"])
    clamped = "acc"
    if math.isfinite(high):
        clamped = f"acc > {c_float(high)} ? {c_float(high)} : {clamped}"
    if math.isfinite(low):
        clamped = f"acc < {c_float(low)} ? {c_float(low)} : {clamped}"
    return {
        "n_in": params["n_in"],
        "n_out": params["n_out"],
        "counter": counter_type(max(params["n_in"], params["n_out"])),
        "clamped": clamped,
        "note": f"linear, {params['n_in']} -> {params['n_out']}, sums from first to last input",
    }
