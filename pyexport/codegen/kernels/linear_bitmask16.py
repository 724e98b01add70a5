"""Linear layers on cores that do not multiply: every digit of an input masks the weights."""

from typing import Any

from pyexport.codegen.kernels.linear_bitserial16 import shared_values
from pyexport.codegen.requantize import plus


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    least = params["in_low"]
    return {
        **shared_values(params),
        "value": f"(uint32_t)(*x{plus(-least)})" if least else "(uint32_t)*x",
        "above_low": plus(params["zero_point"] - params["low"]),
        "span": params["high"] - params["low"],
    }
