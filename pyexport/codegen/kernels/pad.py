"""A tensor with one byte around it."""

from typing import Any

from pyexport.codegen.loops import index, inside, loops, numbers
from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    sizes = numbers(params["sizes"])
    return {
        "type": C_TYPES[params["dtype"]],
        "in_size": params["in_size"],
        "out_size": params["out_size"],
        "value": params["value"],
        "counter": counter(params["out_size"]),
        "loops": loops(sizes),
        "inside": inside(sizes),
        "from": index(numbers(params["from_strides"])),
        "to": index(numbers(params["to_strides"]), params["offset"]),
        "note": f"pad: {params['in_size']} -> {params['out_size']} bytes, {params['value']} around",
    }
