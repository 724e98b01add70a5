"""C text that LSTM and GRU share: the two sums of a row, and the ports."""

from typing import Any

from pyexport.codegen.requantize import SCALE_HELPER, counter
from pyexport.codegen.text import C_TYPES

HELPERS = (SCALE_HELPER, "ops/curves_q15.h.j2", "ops/rows_apart.h.j2")


def recurrent_text(p: dict[str, Any], gates: int) -> dict[str, Any]:
    """Return the template's variables but for those of one kind."""
    n, n_in, steps = p["n"], p["n_in"], p["steps"]
    return {
        "in_type": C_TYPES[p["in_dtype"]],
        "n": n,
        "n_in": n_in,
        "steps": steps,
        "rows": gates * n,
        "gates": gates,
        "counter": counter(2 * steps * gates * n, gates * n * max(n, n_in), steps * n_in),
        "sequence": bool(p["sequence"]),
        "stateful": bool(p["stateful"]),
        "biased_h": bool(p["biased_h"]),
        "start_h": "PYEXPORT_READ_S32(&bias_h[row])" if p["biased_h"] else "0",
        "x": _scaling(p, "x"),
        "h": _scaling(p, "h"),
    }


def steps_of(p: dict[str, Any]) -> str:
    """Return how many steps a call computes, in words."""
    return "1 step" if p["steps"] == 1 else f"{p['steps']} steps"


def _scaling(p: dict[str, Any], side: str) -> dict[str, Any]:
    """Return the C that brings a sum to 2^-12."""
    shift, pre_shift = p[f"shift_{side}"], p[f"pre_shift_{side}"]
    acc = f"acc * INT32_C({1 << pre_shift})" if pre_shift else "acc"
    if shift:
        rounded = f"((acc + INT32_C({1 << (shift - 1)})) >> {shift})"
    else:
        rounded = "((acc + (INT32_C(1) << (s - 1))) >> s)"
    return {
        "acc": acc,
        "rounded": rounded,
        "own_shift": not shift,
        "multiplier": f"PYEXPORT_READ_U16(&multiplier_{side}[row])",
    }
