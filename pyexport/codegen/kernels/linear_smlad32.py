"""Linear layers on pairs of products, for any sums of 32 bits."""

from typing import Any

from pyexport.codegen.smlad import smlad_values

HELPERS = ("ops/dsp.h.j2", "ops/smlad32_rows.h.j2")


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return smlad_values(params, 32)
