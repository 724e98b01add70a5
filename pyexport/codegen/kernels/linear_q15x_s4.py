"""Integer linear layers whose weights of 4 bits lie two in a byte."""

from typing import Any

from pyexport.codegen.kernels.linear_q15x import HELPERS, common_values

__all__ = ["HELPERS", "values"]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    shift, n_in = params["shift"], params["n_in"]
    half = f"INT32_C({1 << (shift - 1)})" if shift else "(INT32_C(1) << (s - 1))"
    return {
        **common_values(params, str(shift or "shift")),
        "own_shift": not shift,
        "shift": shift or "s",
        "half": half,
        "bytes": -(-n_in // 2),
        "pairs": [n_in // 2] if n_in > 1 else [],  # rounds of the loop, if any
        "is_odd": bool(n_in % 2),
    }
