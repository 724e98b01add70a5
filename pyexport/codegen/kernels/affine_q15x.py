"""Integer affine maps with one shift for all columns, and what its variants share."""

from typing import Any

from pyexport.codegen.kernels.linear_q15x import HELPERS
from pyexport.codegen.text import C_TYPES, counter_type

__all__ = ["HELPERS", "values"]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    shift = params["shift"]
    return {**common_values(params, str(shift)), "shift": shift, "half": 1 << (shift - 1)}


def common_values(params: dict[str, Any], shift: str) -> dict[str, Any]:
    """Return what every integer affine kernel prints; `shift` is a number or a name."""
    zero_point, pre_shift = params["zero_point"], params["pre_shift"]
    repeats = params["n"] != params["columns"]
    sign = "-" if zero_point < 0 else "+"
    scaled = f"{'2^' + str(pre_shift) + ' * ' if pre_shift else ''}multiplier / 2^(16 + {shift})"
    offset = f" {sign} {abs(zero_point)}" if zero_point else ""
    return {
        "n": params["n"],
        "columns": params["columns"],
        "repeats": repeats,
        "c": "c" if repeats else "i",
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        # A product of two bytes fits 16 bits, one with a 16-bit input does not.
        "factor": "int16_t" if params["in_dtype"] in ("u8", "s8") else "int32_t",
        "counter": counter_type(params["n"]),
        "acc": f"acc * INT32_C({1 << pre_shift})" if pre_shift else "acc",
        "zero_point": offset,
        "low": params["low"],
        "high": params["high"],
        "note": (
            f"affine, {params['n']} {params['in_dtype']} -> {params['out_dtype']}: out = "
            f"(weight * in + bias) * {scaled}{offset}, halves up, in "
            f"{params['low']}..{params['high']}"
        ),
    }
