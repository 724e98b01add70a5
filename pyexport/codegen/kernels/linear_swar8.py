"""Linear layers with two sums in a word, whose weights lie four in a word of flash."""

from typing import Any

from pyexport.codegen.kernels.linear_swar16 import HELPERS, common_values, note

__all__ = ["HELPERS", "values"]

LANES = 4  # outputs whose weights share a word
OFFSET = 128  # that each weight is stored larger


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    common = common_values(params, LANES)
    how = "two sums in a word, four weights in one of flash"
    return {**common, "note": note(params, how), "offset": f"UINT32_C({OFFSET * 0x10001})"}
