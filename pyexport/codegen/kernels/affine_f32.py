"""Float32 affine maps of columns."""

from typing import Any

from pyexport.codegen.kernels.linear_f32 import clamped
from pyexport.codegen.text import counter_type


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    repeats = params["n"] != params["columns"]
    return {
        "n": params["n"],
        "columns": params["columns"],
        "repeats": repeats,
        "c": "c" if repeats else "i",
        "counter": counter_type(params["n"]),
        "clamped": clamped(params),
        "note": f"affine, {params['n']} values: out = scale * in + offset",
    }
