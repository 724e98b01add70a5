"""Sums and differences."""

from typing import Any

from pyexport.codegen.operands import operand_text
from pyexport.codegen.requantize import plus
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    return {
        **operand_text(p),
        "out_type": C_TYPES[p["out_dtype"]],
        "multiplier_a": p["multiplier_a"],
        "multiplier_b": p["multiplier_b"],
        "start": plus(p["start"]),
        "half": 1 << (p["shift"] - 1),
        "shift": p["shift"],
        "zero_point": plus(p["zero_point"]),
        "low": p["low"],
        "high": p["high"],
        "note": f"{p['label']} of {p['a_size']} {p['a_dtype']} and {p['b_size']} {p['b_dtype']}: "
        f"out = acc / 2^{p['shift']}{plus(p['zero_point'])}, halves up, "
        f"in {p['low']}..{p['high']}",
    }
