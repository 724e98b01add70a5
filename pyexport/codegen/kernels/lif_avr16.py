"""Spiking neurons that read spikes, on AVR: sums of 16 bits stay in pairs of registers."""

from typing import Any

from pyexport.codegen.kernels.linear_acc16 import REGISTERS
from pyexport.codegen.spiking import lif_text, list_text

Helper = tuple[str, dict[str, Any]]
SUMS = "ops/events16_avr.h.j2"


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {**lif_text(params), **list_text(params), "sums_function": _function(params)}


def helper_values(params: dict[str, Any]) -> tuple[Helper, ...]:
    """Return the function that layers share whose blocks have as many neurons."""
    size = params["size"]
    pairs = [{"low": f"r{r}", "high": f"r{r + 1}"} for r in REGISTERS[:size]]
    clobbers = ", ".join(f'"{pair[half]}"' for pair in pairs for half in ("low", "high"))
    shown = {"function": _function(params), "size": size, "pairs": pairs, "clobbers": clobbers}
    return ((SUMS, shown),)


def _function(params: dict[str, Any]) -> str:
    return f"events{params['size']}"
