"""Integer softmax of many rows."""

from typing import Any

from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    rows, n = params["rows"], params["n"]
    return {
        "rows": rows,
        "n": n,
        "size": rows * n,
        "in_type": C_TYPES[params["in_dtype"]],
        "counter": counter(rows * n),
        "note": f"softmax of {rows} rows of {n}, out = 256 * exp(x) / sum, at most 255",
    }
