"""Spiking neurons that read the same numbers in every step: their sums are made once."""

from typing import Any

from pyexport.codegen.spiking import lif_text


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {**lif_text(params), "steady_at": params["steady_at"]}
