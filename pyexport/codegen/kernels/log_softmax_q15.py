"""Integer log-softmax."""

from typing import Any

from pyexport.codegen.requantize import counter, plus
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    size = p["rows"] * p["n"]
    return {
        "rows": p["rows"],
        "n": p["n"],
        "size": size,
        "in_type": C_TYPES[p["in_dtype"]],
        "out_type": C_TYPES[p["out_dtype"]],
        "counter": counter(size),
        "multiplier": p["multiplier"],
        "octave": p["octave"],
        "half": 1 << (p["shift"] - 1),
        "shift": p["shift"],
        "zero_point": plus(p["zero_point"]),
        "low": p["low"],
        "high": p["high"],
        "note": f"log_softmax of {p['rows']} rows of {p['n']}: "
        f"out = acc / 2^{p['shift']}{plus(p['zero_point'])}, halves up",
    }
