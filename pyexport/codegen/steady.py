"""C text of kernels that take as many steps for every input: no limit and no product may branch."""

from typing import Any

from pyexport.codegen.requantize import plus

Helper = tuple[str, dict[str, Any]]


def helper_values(params: dict[str, Any]) -> tuple[Helper, ...]:
    """Return the scaling that these kernels call; `steps`: without a multiplication."""
    return ((f"ops/scale_ct{'_steps' if params['steps'] else ''}.h.j2", {}),)


def limit_values(params: dict[str, Any]) -> dict[str, Any]:
    """Return what limits_ct.h.j2 prints; above_low makes a sum count from the lower limit."""
    return {
        "above_low": plus(params["zero_point"] - params["low"]),
        "span": params["high"] - params["low"],
        "high": params["high"],
        "steps": bool(params["steps"]),
    }
