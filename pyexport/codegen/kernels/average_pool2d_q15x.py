"""Average pooling."""

from typing import Any

from pyexport.codegen.requantize import SCALE_HELPER, byte_text, counter, plus, rounding_note
from pyexport.codegen.text import C_TYPES
from pyexport.codegen.windows import axis_text, sizes_text

HELPERS = (SCALE_HELPER,)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size = p["height"] * p["width"] * p["channels"]
    out_size = p["out_height"] * p["out_width"] * p["channels"]
    names = ("channels", "width", "out_height", "out_width", "kernel_height", "kernel_width")
    several = p["divisors"] > 1
    multiplier = "PYEXPORT_READ_U16(&multiplier[divisor - 1])" if several else p["multiplier"]
    return {
        **byte_text(p, str(multiplier)),
        "in_type": C_TYPES[p["in_dtype"]],
        "in_size": in_size,
        "out_size": out_size,
        "counter": counter(in_size, out_size, p["far"]),
        **{name: p[name] for name in names},
        "several": several,
        "divisors": p["divisors"],
        "value": f"(int16_t)((int16_t)from[0]{plus(-p['in_zero'])})",
        "rows": axis_text(p, "height"),
        "columns": axis_text(p, "width"),
        "note": f"average_pool2d {sizes_text(p)}: {rounding_note(p)}",
    }
