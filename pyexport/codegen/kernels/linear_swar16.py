"""Linear layers with two sums in a word: blocks of outputs whose sums stay in registers."""

from typing import Any

from pyexport.codegen.requantize import plus
from pyexport.codegen.text import C_TYPES, counter_type

UNROLLED = 4  # inputs that one round of the loop takes
LANES = 2  # outputs whose weights share a word

HELPERS = ()


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    return {**common_values(params, LANES), "note": _note(params)}


def common_values(params: dict[str, Any], lanes: int) -> dict[str, Any]:
    """Return what kernels print whose words of flash hold weights of `lanes` outputs."""
    n_in, n_out, block, shift = (params[k] for k in ("n_in", "n_out", "block", "shift"))
    full, rest = divmod(n_out, block)
    sizes = [(full, block), (min(rest, 1), rest)]
    parts = [_part(count, size, n_in, lanes) for count, size in sizes if count]
    return {
        "n_in": n_in,
        "n_out": n_out,
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "counter": counter_type(max(n_in, n_out)),
        "pairs": sum(part["count"] * len(part["sums"]) for part in parts),
        "most_pairs": max(len(part["sums"]) for part in parts),
        "words": sum(part["count"] * part["words"] for part in parts) * n_in,
        "parts": parts,
        "unrolled": [n_in // UNROLLED] if n_in >= UNROLLED else [],  # rounds of the loop, if any
        "skips": bool(params["skips"]),
        "own_shift": not shift,
        "half": f"INT32_C({1 << (shift - 1)})" if shift else "(INT32_C(1) << (s - 1))",
        "shift": shift or "s",
        "of_even": "" if shift else ", PYEXPORT_READ_U8(&shift[o])",
        "of_odd": "" if shift else ", PYEXPORT_READ_U8(&shift[o + 1u])",
        "zero_point": plus(params["zero_point"]),
        "low": params["low"],
        "high": params["high"],
        "above_low": plus(params["zero_point"] - params["low"]),
        "span": params["high"] - params["low"],
    }


def _part(count: int, size: int, n_in: int, lanes: int) -> dict[str, Any]:
    """Return `count` blocks of `size` outputs: which sums there are, and what each input adds."""
    pairs, words = -(-size // 2), -(-size // lanes)
    inputs = [{"at": i, "loads": _loads(i * words, words, pairs, lanes)} for i in range(UNROLLED)]
    return {
        "count": count,
        "size": size,
        "sums": list(range(pairs)),
        "words": words,
        "inputs": inputs,
        "step": UNROLLED * words,
        "left": inputs[: n_in % UNROLLED],
        "left_step": n_in % UNROLLED * words,
        "whole_pairs": size // 2,
        "is_odd": bool(size % 2),
    }


def _loads(first: int, words: int, pairs: int, lanes: int) -> list[dict[str, Any]]:
    """Return the words that an input reads, and for which sums."""
    each, bits = lanes // 2, 32 // lanes
    return [
        {
            "at": first + k,
            "terms": [
                {"sum": k * each + part, "half": _part_of_word(part, bits)}
                for part in range(each)
                if k * each + part < pairs
            ],
        }
        for k in range(words)
    ]


def _part_of_word(part: int, bits: int) -> str:
    return f"(v >> {bits * part})" if part else "v"


def _note(params: dict[str, Any]) -> str:
    return note(params, "two sums in a word")


def note(params: dict[str, Any], how: str) -> str:
    """Return the comment above the kernel."""
    how += "" if params["skips"] else ", as many instructions for every input"
    scaled = f"acc * multiplier / 2^{params['shift'] or 'shift'}"
    if params["zero_point"]:
        scaled += f" + ({params['zero_point']})"
    return (
        f"linear, {params['n_in']} {params['in_dtype']} -> {params['n_out']} "
        f"{params['out_dtype']}, {how}: out = {scaled}, halves up, "
        f"in {params['low']}..{params['high']}"
    )
