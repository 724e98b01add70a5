"""Tensors one after the other."""

from itertools import accumulate
from typing import Any

from pyexport.codegen.loops import index, numbers
from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    rows, runs = params["rows"], numbers(params["runs"])
    total = sum(runs)
    starts = accumulate(runs, initial=0)
    return {
        "type": C_TYPES[params["dtype"]],
        "rows": rows,
        "out_size": rows * total,
        "counter": counter(rows * total),
        "parts": [
            {
                "name": f"part{number}",
                "size": rows * run,
                "run": run,
                "from": index((run, 1)),
                "to": index((total, 1), start),
            }
            for number, (run, start) in enumerate(zip(runs, starts, strict=False))
        ],
        "note": f"concat: {rows} times {' + '.join(str(n) for n in runs)} bytes",
    }
