"""Products."""

from typing import Any

from pyexport.codegen.operands import operand_text
from pyexport.codegen.requantize import SCALE_HELPER, byte_text, plus, rounding_note

HELPERS = (SCALE_HELPER,)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    return {
        **operand_text(p),
        **byte_text(p, str(p["multiplier"])),
        "centered_a": plus(-p["zero_a"]),
        "centered_b": plus(-p["zero_b"]),
        "note": f"mul of {p['a_size']} {p['a_dtype']} and {p['b_size']} {p['b_dtype']}: "
        f"{rounding_note(p)}",
    }
