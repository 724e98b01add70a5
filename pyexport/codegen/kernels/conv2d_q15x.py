"""Integer convolutions."""

from typing import Any

from pyexport.codegen.requantize import (
    SCALE_HELPER,
    byte_text,
    counter,
    plus,
    rounding_note,
)
from pyexport.codegen.text import C_TYPES
from pyexport.codegen.windows import axis_text

HELPERS = (SCALE_HELPER,)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size = p["height"] * p["width"] * p["channels"]
    out_size = p["out_height"] * p["out_width"] * p["n_out"]
    weight_size = p["n_out"] * p["kernel_height"] * p["kernel_width"] * p["per_group"]
    rows, columns = axis_text(p, "height"), axis_text(p, "width")
    return {
        **byte_text(p, "PYEXPORT_READ_U16(&multiplier[o])"),
        "in_type": C_TYPES[p["in_dtype"]],
        "in_size": in_size,
        "out_size": out_size,
        "weight_size": weight_size,
        "counter": counter(in_size, out_size, weight_size, p["far"]),
        **{name: p[name] for name in ("n_out", "out_height", "out_width", "kernel_height")},
        **{name: p[name] for name in ("kernel_width", "width", "channels", "per_group")},
        "rows": rows,
        "columns": columns,
        "grouped": p["groups"] > 1,
        "of_group": " + channel" if p["groups"] > 1 else "",
        "each": p["n_out"] // p["groups"],
        "value": f"((int16_t)from[i]{plus(-p['in_zero'])})" if p["in_zero"] else "(int16_t)from[i]",
        "start": "what the zero point adds is already in it"
        if not p["in_zero"]
        else "without zero points: the loop subtracts them",
        "note": _note(p),
    }


def _note(p: dict[str, Any]) -> str:
    group = f" in {p['groups']} groups" if p["groups"] > 1 else ""
    return (
        f"conv2d {p['kernel_height']}x{p['kernel_width']}{group}, "
        f"{p['height']}x{p['width']}x{p['channels']} {p['in_dtype']} -> "
        f"{p['out_height']}x{p['out_width']}x{p['n_out']} {p['out_dtype']}: {rounding_note(p)}"
    )
