"""Integer linear layers with one shift for all outputs, and what its variants share."""

from typing import Any

from pyexport.codegen.text import C_TYPES, counter_type

HELPERS = ("ops/scale_q15x.h.j2",)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    shift = params["shift"]
    return {**common_values(params, str(shift)), "shift": shift, "half": 1 << (shift - 1)}


def common_values(params: dict[str, Any], shift: str) -> dict[str, Any]:
    """Return what every integer linear kernel prints; `shift` is a number or a name."""
    zero_point, pre_shift = params["zero_point"], params["pre_shift"]
    sign = "-" if zero_point < 0 else "+"
    return {
        "n_in": params["n_in"],
        "n_out": params["n_out"],
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "counter": counter_type(max(params["n_in"], params["n_out"])),
        "acc": f"acc * INT32_C({1 << pre_shift})" if pre_shift else "acc",
        "zero_point": f" {sign} {abs(zero_point)}" if zero_point else "",
        "low": params["low"],
        "high": params["high"],
        "note": _note(params, shift),
    }


def _note(params: dict[str, Any], shift: str) -> str:
    scaled = f"acc * multiplier / 2^(16 + {shift})"
    if params["pre_shift"]:
        scaled = f"acc * 2^{params['pre_shift']} * multiplier / 2^(16 + {shift})"
    if params["zero_point"]:
        scaled += f" + ({params['zero_point']})"
    return (
        f"linear, {params['n_in']} {params['in_dtype']} -> {params['n_out']} "
        f"{params['out_dtype']}: out = {scaled}, halves up, in {params['low']}..{params['high']}"
    )
