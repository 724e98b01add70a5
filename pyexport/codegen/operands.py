"""Loops over two operands as C text."""

from typing import Any

from pyexport.codegen.loops import index, inside, loops, numbers
from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES


def operand_text(p: dict[str, Any]) -> dict[str, Any]:
    """Return types, sizes, loops and the indices of both operands."""
    sizes = numbers(p["sizes"])
    return {
        "a_type": C_TYPES[p["a_dtype"]],
        "b_type": C_TYPES[p["b_dtype"]],
        "a_size": p["a_size"],
        "b_size": p["b_size"],
        "out_size": p["out_size"],
        "counter": counter(p["a_size"], p["b_size"], p["out_size"]),
        "loops": loops(sizes),
        "inside": inside(sizes),
        "a_at": index(numbers(p["a_strides"])),
        "b_at": index(numbers(p["b_strides"])),
    }
