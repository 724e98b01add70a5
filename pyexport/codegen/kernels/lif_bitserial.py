"""Spiking neurons that read the same numbers in every step: sums without products, made once."""

from typing import Any

from pyexport.codegen.requantize import plus
from pyexport.codegen.spiking import lif_text


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    least = params["in_low"]
    return {
        **lif_text(params),
        "steady_at": params["steady_at"],
        "value": f"(uint32_t)(in[i]{plus(-least)})" if least else "in[i]",
        "greatest": f"0x{1 << (params['digits'] - 1):x}u",
        "digit_count": params["digits"],
        "block_bytes": params["n_in"] * params["stride"],
    }
