"""Integer linear layers of any sums in as many steps for every input."""

from typing import Any

from pyexport.codegen.kernels.linear_q15x import common_values
from pyexport.codegen.steady import helper_values, limit_values

__all__ = ["helper_values", "values"]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    shift = params["shift"]
    return {
        **common_values(params, str(shift or "shift")),
        **limit_values(params),
        "own_shift": not shift,
        "shift": shift or "s",
        "half": f"INT32_C({1 << (shift - 1)})" if shift else "(INT32_C(1) << (s - 1))",
    }
