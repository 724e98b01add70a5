"""Spiking neurons that read spikes: only columns of weights whose input fired."""

from typing import Any

from pyexport.codegen.spiking import ZEROS_HELPER, lif_text, list_text

Helper = tuple[str, dict[str, Any]]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {**lif_text(params), **list_text(params)}


def helper_values(params: dict[str, Any]) -> tuple[Helper, ...]:
    """Return what finds spikes in a word, where inputs come in words."""
    return ((ZEROS_HELPER, {}),) if params["packed_in"] and params["mask_dtype"] == "u32" else ()
