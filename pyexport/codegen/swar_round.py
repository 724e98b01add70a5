"""How sums of 16 bits, two in a word, become bytes."""

from __future__ import annotations

from typing import Any

from pyexport.codegen.requantize import plus


def rounding_values(p: dict[str, Any]) -> dict[str, Any]:
    """Return how sums of 16 bits become bytes, for swar_round.h.j2."""
    shift = p["shift"]
    return {
        "inlined": False,
        "skips": bool(p["skips"]),
        "own_shift": not shift,
        "half": f"INT32_C({1 << (shift - 1)})" if shift else "(INT32_C(1) << (s - 1))",
        "shift": shift or "s",
        "of_even": "" if shift else ", PYEXPORT_READ_U8(&shift[o])",
        "of_odd": "" if shift else ", PYEXPORT_READ_U8(&shift[o + 1u])",
        "zero_point": plus(p["zero_point"]),
        "low": p["low"],
        "high": p["high"],
        "above_low": plus(p["zero_point"] - p["low"]),
        "span": p["high"] - p["low"],
    }
