"""Bytes in another order."""

from typing import Any

from pyexport.codegen.loops import index, inside, loops, numbers
from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    sizes, strides = numbers(params["sizes"]), numbers(params["strides"])
    return {
        "type": C_TYPES[params["dtype"]],
        "in_size": params["in_size"],
        "out_size": params["out_size"],
        "counter": counter(params["in_size"], params["out_size"]),
        "loops": loops(sizes),
        "inside": inside(sizes),
        "index": index(strides, params["offset"]),
        "note": f"{params['label']}: {params['in_size']} -> {params['out_size']} bytes",
    }
