"""Turns one Step into the values that its template prints: every number is made here."""

import math
from typing import Any

from pyexport.codegen.text import C_TYPES, c_float
from pyexport.program import Step

# Kernel -> helper templates that its body calls, printed once a header.
HELPERS: dict[str, tuple[str, ...]] = {
    "linear_q15x": ("ops/scale_q15x.h.j2",),
    "linear_q15x_shifts": ("ops/scale_q15x.h.j2",),
    "softmax_f32": ("ops/exp_f32.h.j2",),
}


def kernel_values(step: Step) -> dict[str, Any]:
    """Return the template variables of a step's specialization; raises KeyError if it has none."""
    return _VALUES[step.kernel](dict(step.params))


def _counter(size: int) -> str:
    return "uint_fast16_t" if size <= 0xFFFF else "uint_fast32_t"


def _linear(params: dict[str, Any]) -> dict[str, Any]:
    zero_point, pre_shift = params["zero_point"], params["pre_shift"]
    sign = "-" if zero_point < 0 else "+"
    return {
        "n_in": params["n_in"],
        "n_out": params["n_out"],
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "counter": _counter(max(params["n_in"], params["n_out"])),
        "acc": f"acc * INT32_C({1 << pre_shift})" if pre_shift else "acc",
        "zero_point": f" {sign} {abs(zero_point)}" if zero_point else "",
        "low": params["low"],
        "high": params["high"],
    }


def _linear_note(params: dict[str, Any], shift: str) -> str:
    scaled = f"acc * multiplier / 2^(16 + {shift})"
    if params["pre_shift"]:
        scaled = f"acc * 2^{params['pre_shift']} * multiplier / 2^(16 + {shift})"
    if params["zero_point"]:
        scaled += f" + ({params['zero_point']})"
    return (
        f"linear, {params['n_in']} {params['in_dtype']} -> {params['n_out']} "
        f"{params['out_dtype']}: out = {scaled}, halves up, in {params['low']}..{params['high']}"
    )


def _linear_q15x(params: dict[str, Any]) -> dict[str, Any]:
    shift = params["shift"]
    return {
        **_linear(params),
        "shift": shift,
        "half": 1 << (shift - 1),
        "note": _linear_note(params, str(shift)),
    }


def _linear_q15x_shifts(params: dict[str, Any]) -> dict[str, Any]:
    return {**_linear(params), "note": _linear_note(params, "shift")}


def _softmax_q15(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "n": params["n"],
        "in_type": C_TYPES[params["in_dtype"]],
        "counter": _counter(params["n"]),
        "note": f"softmax over {params['n']} values, out = 256 * exp(x) / sum, at most 255",
    }


def _linear_f32(params: dict[str, Any]) -> dict[str, Any]:
    low, high = float(params["low"]), float(params["high"])
    clamped = "acc"
    if math.isfinite(high):
        clamped = f"acc > {c_float(high)} ? {c_float(high)} : {clamped}"
    if math.isfinite(low):
        clamped = f"acc < {c_float(low)} ? {c_float(low)} : {clamped}"
    return {
        "n_in": params["n_in"],
        "n_out": params["n_out"],
        "counter": _counter(max(params["n_in"], params["n_out"])),
        "clamped": clamped,
        "note": f"linear, {params['n_in']} -> {params['n_out']}, sums from first to last input",
    }


def _softmax_f32(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "n": params["n"],
        "counter": _counter(params["n"]),
        "note": f"softmax over {params['n']} values",
    }


_VALUES = {
    "linear_q15x": _linear_q15x,
    "linear_q15x_shifts": _linear_q15x_shifts,
    "softmax_q15": _softmax_q15,
    "linear_f32": _linear_f32,
    "softmax_f32": _softmax_f32,
}
