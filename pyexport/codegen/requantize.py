"""C text that all integer kernels share: sums become bytes, counters are wide enough."""

from typing import Any

from pyexport.codegen.text import C_TYPES, counter_type

SCALE_HELPER = "ops/scale_q15x.h.j2"


def byte_text(params: dict[str, Any], multiplier: str) -> dict[str, Any]:
    """Return the C of q15x for a sum called acc: scaled, rounded, zero point added, limits.

    params: pre_shift, shift (0 where each output has its own, called s), zero_point, low, high,
    out_dtype.
    """
    shift, pre_shift = params["shift"], params["pre_shift"]
    acc = f"acc * INT32_C({1 << pre_shift})" if pre_shift else "acc"
    if shift:
        rounded = f"((acc + INT32_C({1 << (shift - 1)})) >> {shift})"
    else:
        rounded = "((acc + (INT32_C(1) << (s - 1))) >> s)"
    return {
        "scaled": f"_scale({acc}, {multiplier})",
        "rounded": rounded + plus(params["zero_point"]),
        "own_shift": not shift,
        "low": params["low"],
        "high": params["high"],
        "out_type": C_TYPES[params["out_dtype"]],
    }


def plus(value: int) -> str:
    """Return " + 3", " - 3" or nothing for 0: what is added to an expression."""
    if not value:
        return ""
    return f" {'-' if value < 0 else '+'} {abs(value)}"


def counter(*sizes: int) -> str:
    """Return the C type of counters and indices up to the largest of these."""
    return counter_type(max(sizes))


def times(name: str, factor: int) -> str:
    """Return name * factor as C, without a factor of 1."""
    return name if factor == 1 else f"{name} * {factor}"


def rounding_note(params: dict[str, Any]) -> str:
    """Return what the comment of a kernel says of its rounding."""
    shift = params["shift"] or "shift"
    scaled = "acc" if not params["pre_shift"] else f"acc * 2^{params['pre_shift']}"
    offset = f" + ({params['zero_point']})" if params["zero_point"] else ""
    return (
        f"out = {scaled} * multiplier / 2^(16 + {shift}){offset}, halves up, "
        f"in {params['low']}..{params['high']}"
    )
