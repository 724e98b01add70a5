"""Transposed integer convolutions."""

from typing import Any

from pyexport.codegen.requantize import SCALE_HELPER, byte_text, counter, plus, rounding_note
from pyexport.codegen.text import C_TYPES

HELPERS = (SCALE_HELPER,)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size = p["height"] * p["width"] * p["channels"]
    out_size = p["out_height"] * p["out_width"] * p["n_out"]
    weight_size = p["n_out"] * p["kernel_height"] * p["kernel_width"] * p["per_group"]
    names = ("n_out", "out_height", "out_width", "kernel_height", "kernel_width", "channels")
    group = f" in {p['groups']} groups" if p["groups"] > 1 else ""
    return {
        **byte_text(p, "PYEXPORT_READ_U16(&multiplier[o])"),
        "in_type": C_TYPES[p["in_dtype"]],
        "in_size": in_size,
        "out_size": out_size,
        "weight_size": weight_size,
        "counter": counter(in_size, out_size, weight_size),
        **{name: p[name] for name in names},
        "per_group": p["per_group"],
        "rows": _axis(p, "height"),
        "columns": _axis(p, "width"),
        "grouped": p["groups"] > 1,
        "of_group": " + channel" if p["groups"] > 1 else "",
        "each": p["n_out"] // p["groups"],
        "value": f"((int16_t)from[i]{plus(-p['in_zero'])})" if p["in_zero"] else "(int16_t)from[i]",
        "note": f"conv_transpose2d {p['kernel_height']}x{p['kernel_width']}{group}, "
        f"{p['height']}x{p['width']}x{p['channels']} {p['in_dtype']} -> "
        f"{p['out_height']}x{p['out_width']}x{p['n_out']} {p['out_dtype']}: {rounding_note(p)}",
    }


def _axis(p: dict[str, Any], size: str) -> dict[str, int]:
    """Return one axis: where its first output lies between the input elements, and the steps."""
    stride, before = p[f"stride_{size}"], p[f"pad_{size}"]
    return {
        "size": p[size],
        "stride": stride,
        "phases": 2 * stride,
        "element": before // stride,
        "phase": before % stride,
        "step": p[f"step_{size}"],
        "back": p[f"back_{size}"],
    }
