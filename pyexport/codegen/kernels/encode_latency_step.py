"""The spikes of some steps, of inputs that spike the earlier the larger they are."""

from typing import Any

from pyexport.codegen.spiking import encode_text


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    return {
        **encode_text(p, p["n"]),
        "whole": p["whole"],
        "note": f"those of {p['n']} {p['in_dtype']} that spike in a step of {p['whole']}: the "
        "larger, the earlier",
    }
