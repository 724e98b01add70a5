"""Float32 linear layers."""

import math
from typing import Any

from pyexport.codegen.text import c_float, counter_type


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {
        "n_in": params["n_in"],
        "n_out": params["n_out"],
        "counter": counter_type(max(params["n_in"], params["n_out"])),
        "clamped": clamped(params),
        "note": f"linear, {params['n_in']} -> {params['n_out']}, sums from first to last input",
    }


def clamped(params: dict[str, Any]) -> str:
    """Return the C expression of acc inside the step's limits."""
    low, high = float(params["low"]), float(params["high"])
    text = "acc"
    if math.isfinite(high):
        text = f"acc > {c_float(high)} ? {c_float(high)} : {text}"
    if math.isfinite(low):
        text = f"acc < {c_float(low)} ? {c_float(low)} : {text}"
    return text
