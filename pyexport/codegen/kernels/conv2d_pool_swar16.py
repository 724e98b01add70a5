"""Convolutions with two sums in a word, of which only the largest of each pool becomes a byte."""

from typing import Any

from pyexport.codegen.swar_windows import HELPERS as WINDOW_HELPERS
from pyexport.codegen.swar_windows import window_note, window_values

HELPERS = (*WINDOW_HELPERS, "ops/halves.h.j2")


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p, common = params, window_values(params)
    sizes = p["pool_height"], p["pool_width"]
    area, pairs = sizes[0] * sizes[1], common["pairs"]
    how = f"max pool {sizes[0]}x{sizes[1]} of its sums, two in a word"
    return {
        **common,
        "note": window_note(p, how),
        "pool_height": sizes[0],
        "pool_width": sizes[1],
        "pooled_size": common["out_size"] // area,
        "area_pairs": area * pairs,
        "others": [pairs * place for place in range(1, area)],
        "is_odd": bool(p["n_out"] % 2),
        "last_pair": pairs - 1,
        "parts": [{**part, "traced": _traced(part["size"])} for part in common["parts"]],
    }


def _traced(size: int) -> list[dict[str, Any]]:
    """Return the final sum of each output of a block, as it is without the 32768."""
    halves = "(int32_t)(made[{}] & 0xFFFFu)", "(int32_t)(made[{}] >> 16)"
    return [{"output": o, "value": f"{halves[o % 2].format(o // 2)} - 32768"} for o in range(size)]
