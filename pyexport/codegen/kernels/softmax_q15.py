"""Integer softmax."""

from typing import Any

from pyexport.codegen.text import C_TYPES, counter_type


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {
        "n": params["n"],
        "in_type": C_TYPES[params["in_dtype"]],
        "counter": counter_type(params["n"]),
        "note": f"softmax over {params['n']} values, out = 256 * exp(x) / sum, at most 255",
    }
