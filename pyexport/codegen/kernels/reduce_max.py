"""The largest values along an axis."""

from typing import Any

from pyexport.codegen.loops import index
from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size = p["outer"] * p["count"] * p["inner"]
    return {
        "type": C_TYPES[p["dtype"]],
        "in_size": in_size,
        "out_size": p["outer"] * p["inner"],
        "counter": counter(in_size),
        "outer": p["outer"],
        "count": p["count"],
        "inner": p["inner"],
        "least": 0 if p["dtype"] == "u8" else -128,
        "from": index((p["count"] * p["inner"], p["inner"], 1)),
        "note": f"max of {p['count']} values, {p['outer'] * p['inner']} times",
    }
