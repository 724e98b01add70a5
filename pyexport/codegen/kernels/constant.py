"""A stored tensor."""

from typing import Any

from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES, READERS


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {
        "type": C_TYPES[params["dtype"]],
        "read": READERS[params["dtype"]],
        "size": params["size"],
        "counter": counter(params["size"]),
        "note": f"constant: {params['size']} stored values",
    }
