"""One spike an input, the earlier the larger it is."""

from typing import Any

from pyexport.codegen.spiking import encode_text
from pyexport.codegen.text import C_TYPES, READERS


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    least = p["least"]
    place = "in[k]" if least == 0 else f"in[k] - {least}" if least > 0 else f"in[k] + {-least}"
    return {
        **encode_text(p, p["n"]),
        "values": p["values"],
        "value": place,
        "when_type": C_TYPES[p["when_dtype"]],
        "reader": READERS[p["when_dtype"]],
        "never": p["never"],
        "spike": f"({C_TYPES[p['mask_dtype']]})(to[at] | bit)" if p["packed_out"] else "1",
        "note": f"one spike for each of {p['n']} {p['in_dtype']}: the larger, the earlier of "
        f"{p['steps']} steps, and none for the least",
    }
