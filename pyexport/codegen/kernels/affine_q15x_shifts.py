"""Integer affine maps whose columns have a shift each, read from a table."""

from typing import Any

from pyexport.codegen.kernels.affine_q15x import HELPERS, common_values

__all__ = ["HELPERS", "values"]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return common_values(params, "shift")
