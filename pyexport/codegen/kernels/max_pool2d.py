"""Max pooling."""

from typing import Any

from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES
from pyexport.codegen.windows import axis_text, sizes_text


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size = p["height"] * p["width"] * p["channels"]
    out_size = p["out_height"] * p["out_width"] * p["channels"]
    names = ("channels", "width", "out_height", "out_width", "kernel_height", "kernel_width")
    return {
        "type": C_TYPES[p["dtype"]],
        "in_size": in_size,
        "out_size": out_size,
        "counter": counter(in_size, out_size, p["far"]),
        **{name: p[name] for name in names},
        "least": 0 if p["dtype"] == "u8" else -128,
        "rows": axis_text(p, "height"),
        "columns": axis_text(p, "width"),
        "note": f"max_pool2d {sizes_text(p)} {p['dtype']}",
    }
