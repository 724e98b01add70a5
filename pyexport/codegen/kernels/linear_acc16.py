"""Linear layers with 16-bit sums: blocks of outputs whose sums stay in pairs of registers."""

from typing import Any

from pyexport.codegen.kernels.linear_q15x import HELPERS
from pyexport.codegen.kernels.linear_q15x import values as plain_values

__all__ = ["HELPERS", "values"]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    full, rest = divmod(params["n_out"], params["block"])
    sizes = [(full, params["block"]), (min(rest, 1), rest)]
    parts = [
        {"count": count, "size": size, "sums": list(range(size))} for count, size in sizes if count
    ]
    return {**plain_values(params), "parts": parts, "most": max(p["size"] for p in parts)}
