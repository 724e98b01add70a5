"""Normalization of rows."""

from typing import Any

from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    deviation = f"(int32_t)from[i] * {p['n']} - total"
    if p["down"]:
        deviation = f"({deviation} + {1 << (p['down'] - 1)}) >> {p['down']}"
    return {
        "rows": p["rows"],
        "n": p["n"],
        "size": p["rows"] * p["n"],
        "in_type": C_TYPES[p["in_dtype"]],
        "counter": counter(p["rows"] * p["n"]),
        "deviation": deviation,
        "squared": f"(uint32_t)(d * d) >> {p['square']}" if p["square"] else "(uint32_t)(d * d)",
        "epsilon": p["epsilon"],
        "shift": p["shift"],
        "limit": p["limit"],
        "note": f"layer_norm of {p['rows']} rows of {p['n']}: less the mean, by the deviation",
    }
