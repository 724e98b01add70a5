"""LSTM."""

from typing import Any

from pyexport.codegen.recurrent import HELPERS, recurrent_text, steps_of

__all__ = ["HELPERS", "values"]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    cell_bits = p["cell_bits"]
    return {
        **recurrent_text(p, 4),
        "product_half": 1 << (14 - cell_bits),
        "product_shift": 15 - cell_bits,
        "cell_factor": 1 << (12 - cell_bits),
        "note": f"lstm, {steps_of(p)} of {p['n_in']} {p['in_dtype']}, {p['n']} hidden: "
        f"h in 2^-7, cell in 2^-{cell_bits}",
    }
