"""Spiking neurons that read the same numbers in every step: sums made once, two a word."""

from typing import Any

from pyexport.codegen.spiking import behind, lif_text, scaled_sum


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    words = -(-p["n"] // (2 * p["size"])) * p["n_in"] * p["stride"]
    return {
        **lif_text(p),
        "steady_at": p["steady_at"],
        "weights": words,
        "behind": behind(p["n"], 2 * p["size"]),
        "steady": scaled_sum(p, "sum"),
    }
