"""Events where inputs rose or fell since their last event."""

from typing import Any

from pyexport.codegen.spiking import encode_text
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    plain = C_TYPES[p["in_dtype"]] == "uint8_t"
    return {
        **encode_text(p, 2 * p["n"]),
        "threshold": p["threshold"],
        "start": p["start"],
        "reference": "workspace" if plain else f"({C_TYPES[p['in_dtype']]} *)workspace",
        "note": f"events of {p['n']} {p['in_dtype']}: where one rose by {p['threshold']} or more "
        f"since its last event, and behind all these where it fell",
    }
