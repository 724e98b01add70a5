"""Integer convolutions."""

from typing import Any

from pyexport.codegen.requantize import (
    SCALE_HELPER,
    byte_text,
    counter,
    plus,
    rounding_note,
    times,
)
from pyexport.codegen.text import C_TYPES
from pyexport.codegen.windows import axis_text

HELPERS = (SCALE_HELPER, "ops/apart.h.j2")


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size = p["height"] * p["width"] * p["channels"]
    out_size = p["out_height"] * p["out_width"] * p["n_out"]
    weight_size = p["n_out"] * p["kernel_height"] * p["kernel_width"] * p["per_group"]
    return {
        **byte_text(p, "PYEXPORT_READ_U16(&multiplier[o])"),
        **_window_values(p, counter(in_size, out_size, weight_size, p["far"])),
        "in_type": C_TYPES[p["in_dtype"]],
        "in_size": in_size,
        "out_size": out_size,
        "weight_size": weight_size,
        **{name: p[name] for name in ("n_out", "out_height", "out_width", "per_group")},
        "grouped": p["groups"] > 1,
        "each": p["n_out"] // p["groups"],
        "value": f"((int16_t)from[i]{plus(-p['in_zero'])})" if p["in_zero"] else "(int16_t)from[i]",
        "start": "what the zero point adds is already in it"
        if not p["in_zero"]
        else "without zero points: the loop subtracts them",
        "note": _note(p),
    }


def _window_values(p: dict[str, Any], counter: str) -> dict[str, Any]:
    """Return how the products of one window are looped over, and what its function is given."""
    height, width, per_group = p["kernel_height"], p["kernel_width"], p["per_group"]
    rows, columns = axis_text(p, "height"), axis_text(p, "width")
    row_weights, weights = width * per_group, height * width * per_group
    corner = times(f"(({rows['corner']}) * {p['width']} + {columns['corner']})", p["channels"])
    first_weight = times("o", weights)
    given = ""
    conditions = [
        f"first_{tap} < end_{tap}"
        for axis, tap in ((rows, "row"), (columns, "column"))
        if axis["some_outside"]
    ]
    if rows["is_cut"]:
        first_weight += f" + {times('first_row', row_weights)}"
        given += ", end_row - first_row"
    if columns["is_cut"]:
        first_weight += f" + {times('first_column', per_group)}"
        given += ", end_column - first_column"
    # what lies under a row of the kernel lies side by side, and so do its weights
    is_run = p["groups"] == 1 and (p["dilation_width"] == 1 or width == 1)
    columns_run = times("columns", p["channels"]) if columns["is_cut"] else width * p["channels"]
    return {
        "counter": counter,
        "rows": rows,
        "columns": columns,
        "kernel_height": height,
        "kernel_width": width,
        "is_run": is_run,
        "run": columns_run if is_run else per_group,
        "column_bytes": "" if is_run else f" + column * {p['channels'] * p['dilation_width']}",
        "column_weights": "" if is_run else f" + column * {per_group}",
        "window_rows": "rows" if rows["is_cut"] else height,
        "window_columns": "columns" if columns["is_cut"] else width,
        "line": p["width"] * p["channels"] * p["dilation_height"],
        "row_weights": row_weights,
        "range": f", {counter} rows" * rows["is_cut"] + f", {counter} columns" * columns["is_cut"],
        "given": given,
        "corner": corner + (" + channel" if p["groups"] > 1 else ""),
        "first_weight": first_weight,
        "some_inside": " && ".join(conditions),  # where windows may lie in the padding
    }


def _note(p: dict[str, Any]) -> str:
    group = f" in {p['groups']} groups" if p["groups"] > 1 else ""
    return (
        f"conv2d {p['kernel_height']}x{p['kernel_width']}{group}, "
        f"{p['height']}x{p['width']}x{p['channels']} {p['in_dtype']} -> "
        f"{p['out_height']}x{p['out_width']}x{p['n_out']} {p['out_dtype']}: {rounding_note(p)}"
    )
