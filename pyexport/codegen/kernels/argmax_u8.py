"""The index of the largest value along an axis."""

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
        "index_type": C_TYPES[p["index_dtype"]],
        "in_size": in_size,
        "out_size": p["outer"] * p["inner"],
        "counter": counter(in_size),
        "outer": p["outer"],
        "count": p["count"],
        "inner": p["inner"],
        "from": index((p["count"] * p["inner"], p["inner"], 1)),
        "first": index((p["count"] * p["inner"], 0, 1)),
        "note": f"argmax of {p['count']} values, {p['outer'] * p['inner']} times: "
        "the lowest index wins a tie",
    }
