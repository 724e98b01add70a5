"""Matrix products of two tensors."""

from typing import Any

from pyexport.codegen.operands import operand_text
from pyexport.codegen.requantize import SCALE_HELPER, byte_text, plus, rounding_note

HELPERS = (SCALE_HELPER,)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    narrow = p["product_low"] >= -(1 << 15) and p["product_high"] < 1 << 15
    return {
        **operand_text(p),
        **byte_text(p, str(p["multiplier"])),
        "count": p["count"],
        "columns": p["columns"],
        "widened": "" if narrow else "(int32_t)",  # AVR's int has 16 bits
        "centered_a": plus(-p["zero_a"]),
        "centered_b": plus(-p["zero_b"]),
        "note": f"matmul of {p['rows']}x{p['count']} {p['a_dtype']} and {p['count']}x"
        f"{p['columns']} {p['b_dtype']}, {p['out_size'] // (p['rows'] * p['columns'])} times: "
        f"{rounding_note(p)}",
    }
