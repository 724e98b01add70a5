"""PReLU."""

from typing import Any

from pyexport.codegen.requantize import counter, plus
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    size = params["rows"] * params["channels"]
    return {
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "size": size,
        "rows": params["rows"],
        "channels": params["channels"],
        "positive": params["positive"],
        "counter": counter(size),
        "value": f"in[at]{plus(-params['in_zero'])}",
        "half": 1 << (params["shift"] - 1),
        "shift": params["shift"],
        "zero_point": plus(params["zero_point"]),
        "low": params["low"],
        "high": params["high"],
        "note": f"prelu of {size} {params['in_dtype']}: "
        f"out = x * multiplier / 2^{params['shift']}{plus(params['zero_point'])}, halves up",
    }
