"""Float32 softmax."""

from typing import Any

from pyexport.codegen.text import counter_type

HELPERS = ("ops/exp_f32.h.j2",)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {
        "n": params["n"],
        "counter": counter_type(params["n"]),
        "note": f"softmax over {params['n']} values",
    }
