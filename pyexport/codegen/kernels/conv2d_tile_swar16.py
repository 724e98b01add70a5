"""Convolutions with two sums in a word, all windows of a pool at once: a weight is read once."""

from typing import Any

from pyexport.codegen.requantize import plus, times
from pyexport.codegen.swar_round import rounding_values
from pyexport.codegen.swar_windows import window_note
from pyexport.codegen.text import C_TYPES, counter_type

HELPERS = ("ops/apart.h.j2",)
MOST_UNROLLED = 8  # bytes of a row of the kernel that no loop takes
ROUNDS = (8, 6, 4)  # bytes of a round of the loop, the first that leaves nothing over


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    height, width, channels = p["height"], p["width"], p["channels"]
    padding = [p["pad_height"], p["pad_width"], p["pad_bottom"], p["pad_right"]]
    padded = any(padding)
    line, plane_line = width * channels, (width + p["pad_width"] + p["pad_right"]) * channels
    plane_size = (height + p["pad_height"] + p["pad_bottom"]) * plane_line
    out_size = p["out_height"] * p["out_width"] * p["n_out"]
    area = p["pool_height"] * p["pool_width"]
    run = p["kernel_width"] * channels
    unrolled = 0 if run <= MOST_UNROLLED else next((n for n in ROUNDS if run % n == 0), ROUNDS[-1])
    full, rest = divmod(p["n_out"], p["block"])
    sizes = [(full, p["block"]), (min(rest, 1), rest)]
    parts = [_part(p, plane_line, unrolled, *s) for s in sizes if s[0]]
    pairs = sum(part["count"] * len(part["pairs"]) for part in parts)
    row = times("top", p["stride_height"] * plane_line)
    column = times("left", p["stride_width"] * channels)
    signed = padded and p["in_dtype"] == "s8"
    copied = next(n for n in (8, 4, 2, 1) if line % n == 0)
    gone = run - run % unrolled if unrolled else 0
    return {
        "note": window_note(
            p, f"max pool {p['pool_height']}x{p['pool_width']} of its sums at once"
        ),
        "in_type": C_TYPES[p["in_dtype"]],
        "out_type": C_TYPES[p["out_dtype"]],
        "plane_type": "uint8_t" if padded else C_TYPES[p["in_dtype"]],
        "plane": "plane" if padded else "in",
        "padded": padded,
        "counter": counter_type(max(plane_size, out_size, pairs * run * p["kernel_height"])),
        "in_size": height * line,
        "plane_size": plane_size,
        "pooled_size": out_size // area,
        "n_out": p["n_out"],
        "words": pairs * run * p["kernel_height"],
        "pairs": pairs,
        "area": area,
        "most_sums": max(len(part["sums"]) for part in parts),
        "kernel_height": p["kernel_height"],
        "rounds": [run // unrolled] if unrolled else [],
        "next_row": plane_line * p["dilation_height"] - gone,
        "parts": parts,
        "height": height,
        "copies": line // copied,
        "copied": list(range(copied)),
        "cast": "(uint8_t)" if signed else "",
        "above": p["pad_height"] * plane_line,
        "before": p["pad_width"] * channels,
        "behind": p["pad_right"] * channels,
        "below": p["pad_bottom"] * plane_line,
        "padding": f"(uint8_t)({p['in_zero']})" if signed else str(p["in_zero"]),
        "out_height": p["out_height"],
        "out_width": p["out_width"],
        "pool_height": p["pool_height"],
        "pool_width": p["pool_width"],
        "corner": f"{row} + {column}",
        "traced": _traced(p),
        **rounding_values(p),
    }


def _traced(p: dict[str, Any]) -> str:
    """Return the index of the first sum of window i of a pool."""
    row, column = f"i / {p['pool_width']}u", f"i % {p['pool_width']}u"
    return f"((top + {row}) * {p['out_width']} + left + {column}) * {p['n_out']}"


def _part(
    p: dict[str, Any], plane_line: int, unrolled: int, count: int, size: int
) -> dict[str, Any]:
    """Return `count` blocks of `size` outputs: which sums there are, and what each byte adds."""
    pairs, run = -(-size // 2), p["kernel_width"] * p["channels"]
    places = [
        y * p["stride_height"] * plane_line + x * p["stride_width"] * p["channels"]
        for y in range(p["pool_height"])
        for x in range(p["pool_width"])
    ]
    left = run % unrolled if unrolled else run
    return {
        "suffix": "_sums" + ("" if size == p["block"] else "_left"),
        "count": count,
        "size": size,
        "pairs": list(range(pairs)),
        "sums": [{"number": k, "pair": k % pairs} for k in range(len(places) * pairs)],
        "others": [pairs * place for place in range(1, len(places))],
        "words": pairs * run * p["kernel_height"],
        "inputs": [_input(p, places, pairs, at) for at in range(unrolled)],
        "step": unrolled * pairs,
        "left": [_input(p, places, pairs, at) for at in range(left)],
        "left_step": left * pairs,
        "is_odd": bool(size % 2),
        "last_pair": pairs - 1,
    }


def _input(p: dict[str, Any], places: list[int], pairs: int, at: int) -> dict[str, Any]:
    """Return what a byte under the kernel adds to the sums of each window."""
    return {
        "words": [{"name": k, "at": at * pairs + k} for k in range(pairs)],
        "places": [
            {
                "value": _value(p, place + at),
                "terms": [{"sum": number * pairs + k, "word": k} for k in range(pairs)],
            }
            for number, place in enumerate(places)
        ],
    }


def _value(p: dict[str, Any], at: int) -> str:
    signed = p["in_dtype"] == "s8"
    byte = f"(int8_t)x[{at}]" if signed else f"x[{at}]"
    if not p["in_zero"]:
        return f"(uint32_t){byte}"
    return f"(uint32_t)((int32_t){byte}{plus(-p['in_zero'])})"
