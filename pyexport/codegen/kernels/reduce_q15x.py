"""Sums and means along an axis."""

from typing import Any

from pyexport.codegen.loops import index
from pyexport.codegen.requantize import SCALE_HELPER, byte_text, counter, rounding_note
from pyexport.codegen.text import C_TYPES

HELPERS = (SCALE_HELPER,)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size = p["outer"] * p["count"] * p["inner"]
    return {
        **byte_text(p, str(p["multiplier"])),
        "in_type": C_TYPES[p["in_dtype"]],
        "in_size": in_size,
        "out_size": p["outer"] * p["inner"],
        "counter": counter(in_size),
        "outer": p["outer"],
        "count": p["count"],
        "inner": p["inner"],
        "from": index((p["count"] * p["inner"], p["inner"], 1)),
        "start": -p["count"] * p["in_zero"],
        "note": f"{p['label']} of {p['count']} values, {p['outer'] * p['inner']} times: "
        f"{rounding_note(p)}",
    }
