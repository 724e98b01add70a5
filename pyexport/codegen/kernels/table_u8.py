"""Functions of one byte."""

from typing import Any

from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES, READERS


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "read": READERS[params["out_dtype"]],
        "size": params["size"],
        "counter": counter(params["size"]),
        "note": f"{params['label']} of {params['size']} {params['in_dtype']}: by a table",
    }
