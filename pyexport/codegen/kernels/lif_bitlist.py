"""Spiking neurons that read the same numbers in every step: lists of inputs, one a digit."""

from typing import Any

from pyexport.codegen.kernels.linear_bitserial16 import lists_text
from pyexport.codegen.requantize import counter
from pyexport.codegen.spiking import lif_text


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    text = lif_text(p)
    return {
        **text,
        **lists_text(p["n_in"], p["digits"], "u8"),
        "counter": counter(p["steps"] * p["n"], text["weights"], p["n_in"] + 32),
        "steady_at": p["steady_at"],
        "lists_at": p["lists_at"],
        "block_bytes": p["n_in"] * p["stride"],
    }
