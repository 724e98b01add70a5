"""Linear layers with sums of any width: blocks of outputs whose sums stay in registers."""

from typing import Any

from pyexport.codegen.requantize import SCALE_HELPER, byte_text, plus, rounding_note
from pyexport.codegen.text import C_TYPES, counter_type

HELPERS = (SCALE_HELPER,)
UNROLLED = 4  # inputs that one round of the loop takes


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    n_in, n_out = p["n_in"], p["n_out"]
    full, rest = divmod(n_out, p["block"])
    sizes = [(full, p["block"]), (min(rest, 1), rest)]
    parts = [_part(count, size, n_in) for count, size in sizes if count]
    how = "" if p["skips"] else ", as many instructions for every input"
    return {
        "n_in": n_in,
        "n_out": n_out,
        "in_type": C_TYPES[p["in_dtype"]],
        "counter": counter_type(max(n_in, n_out)),
        "most": max(part["size"] for part in parts),
        "weight_type": "uint8_t" if p["offset"] else "int8_t",
        "offset": p["offset"],
        "corrected": " - total" if p["offset"] else "",
        "parts": parts,
        "unrolled": [n_in // UNROLLED] if n_in >= UNROLLED else [],  # rounds of the loop, if any
        "skips": bool(p["skips"]),
        "above_low": plus(-p["low"]),
        "span": p["high"] - p["low"],
        "of_each": "" if p["shift"] else ", PYEXPORT_READ_U8(&shift[o])",
        "note": f"linear, {n_in} {p['in_dtype']} -> {n_out} {p['out_dtype']}, the sums of a block "
        f"in registers{how}: {rounding_note(p)}",
        **byte_text(p, "multiplier"),
    }


def helper_values(params: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return what adds a product where bytes have no sign."""
    return (("ops/bytes.h.j2", {}),) if params["offset"] else ()


def _part(count: int, size: int, n_in: int) -> dict[str, Any]:
    """Return `count` blocks of `size` outputs: which sums there are, and what each input adds."""
    inputs = [
        {"at": i, "terms": [{"sum": k, "at": i * size + k} for k in range(size)]}
        for i in range(UNROLLED)
    ]
    return {
        "count": count,
        "size": size,
        "sums": list(range(size)),
        "inputs": inputs,
        "step": UNROLLED * size,
        "left": inputs[: n_in % UNROLLED],
        "left_step": n_in % UNROLLED * size,
    }
