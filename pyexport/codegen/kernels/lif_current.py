"""Spiking neurons that read numbers: a sum of products in every step."""

from typing import Any

from pyexport.codegen.spiking import lif_text


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return lif_text(params)
