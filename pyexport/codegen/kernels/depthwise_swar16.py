"""Depthwise convolutions with two sums in a word: two places of a channel at once."""

from itertools import groupby
from typing import Any

from pyexport.codegen.requantize import plus, times
from pyexport.codegen.swar_round import rounding_values
from pyexport.codegen.text import C_TYPES, counter_type

HELPERS = ("ops/apart.h.j2", "ops/inlined.h.j2")
UNROLLED = 4  # words that a round of the loop makes


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    in_size, out_size = p["height"] * p["width"] * p["channels"], _outputs(p)
    taps, tile = p["a_kernel"] * p["b_kernel"], p["tile"]
    half = -(-p["a_out"] // 2)
    tiles = -(-half // tile)
    return {
        **rounding_values(p),
        "inlined": True,
        "note": _note(p),
        "in_type": C_TYPES[p["in_dtype"]],
        "out_type": C_TYPES[p["out_dtype"]],
        "in_size": in_size,
        "out_size": out_size,
        "plane_size": p["lines"] * p["columns"],
        "counter": counter_type(max(in_size, out_size, p["lines"] * p["columns"])),
        "channels": p["channels"],
        "n_out": p["n_out"],
        "each": p["n_out"] // p["channels"],
        "several": p["n_out"] > p["channels"],
        "weight_size": p["n_out"] * taps,
        "taps": [{"name": k} for k in range(taps)],
        "weights_each": taps,
        "parts": _parts(p),
        "loops": any(part["before"] or part["behind"] or part["rounds"] for part in _parts(p)),
        "tile": tile,
        "tiles": tiles,
        "repeats": tiles * tile > half,
        "last_tile": tiles - 1,
        "last": half - tile,
        "line_step": times("y", p["a_stride"] * p["columns"]),
        "out_step": times("y", p["a_out_step"]),
        "columns_out": p["b_out"],
        "word_step": p["b_stride"],
        "next_out": p["b_out_step"],
        "distance": p["distance"] * p["a_out_step"],
        "twice": tiles * tile > half or p["distance"] < half,
        "sums": [
            {"name": k, "at": k * p["a_out_step"], "new": _new(p, k, tiles * tile > half)}
            for k in range(tile)
        ],
        "words": _words(p),
    }


def _new(p: dict[str, Any], number: int, repeats: bool) -> str:
    """Return the arguments that tell which of a word's sums no other word had; none if all are."""
    is_middle = p["distance"] < -(-p["a_out"] // 2)  # the first upper sum is the last lower one
    if not repeats and not is_middle:
        return ""
    line = f"y + {number}"
    fresh = f"{line} >= tile * {p['tile']}" if repeats else "true"
    second = f"{line} != 0" if not repeats else f"{fresh} && {line} != 0"
    return f"{fresh}, {second if is_middle else fresh}, "


def _outputs(p: dict[str, Any]) -> int:
    return int(p["a_out"] * p["b_out"] * p["n_out"])


def _words(p: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the words under a tile of windows, column by column, and which sums each adds to."""
    found = []
    for column in range(p["b_kernel"]):
        lines: dict[int, list[dict[str, int]]] = {}
        for k in range(p["tile"]):
            for row in range(p["a_kernel"]):
                line = k * p["a_stride"] + row * p["a_dilation"]
                tap = row * p["a_tap_step"] + column * p["b_tap_step"]
                lines.setdefault(line, []).append({"sum": k, "tap": tap})
        found += [
            {"at": line * p["columns"] + column * p["b_dilation"], "terms": lines[line]}
            for line in sorted(lines)
        ]
    return found


def _parts(p: dict[str, Any]) -> list[dict[str, Any]]:
    """Return runs of lines of words, told apart by which of their lanes lie inside the input."""

    def inside(line: int) -> tuple[bool, bool]:
        first = line - p["a_pad"]
        second = first + p["distance"] * p["a_stride"]
        return 0 <= first < p["a_size"], 0 <= second < p["a_size"]

    return [_part(p, list(lines), *lanes) for lanes, lines in groupby(range(p["lines"]), inside)]


def _part(p: dict[str, Any], lines: list[int], low: bool, high: bool) -> dict[str, Any]:
    """Return the lines whose lanes hold bytes of the input as `low` and `high` say, or 0."""
    apart = p["distance"] * p["a_stride"] * p["a_in_step"]
    first = (lines[0] - p["a_pad"]) * p["a_in_step"] + (0 if low else apart)
    columns = min(p["b_size"], p["columns"] - p["b_pad"]) if low or high else 0
    before = min(p["b_pad"], p["columns"]) if columns > 0 else 0
    columns = max(columns, 0)
    rounds = max(columns - 1, 0) // UNROLLED
    at = [i * p["b_in_step"] for i in range(UNROLLED)]
    words = [_word(p, place, apart if low else 0, low, high) for place in at]
    return {
        "count": len(lines),
        "before": before,
        "reads": columns > 0,
        "first": plus(first),
        "rounds": [rounds] if rounds else [],
        "words": words,
        "round_step": UNROLLED * p["b_in_step"],
        "left": words[: columns - rounds * UNROLLED],
        "behind": p["columns"] - before - columns,
        "next_line": f"at{plus(p['a_in_step'] - rounds * UNROLLED * p['b_in_step'])}",
    }


def _word(p: dict[str, Any], at: int, apart: int, low: bool, high: bool) -> str:
    """Return a byte of the lower lane and one of the upper, each 0 where it is outside."""
    lanes = [_value(p, at)] if low else []
    lanes += [f"({_value(p, at + apart)} << 16)"] if high else []
    return " + ".join(lanes)


def _value(p: dict[str, Any], at: int) -> str:
    if not p["in_zero"]:
        return f"(uint32_t)x[{at}]"
    return f"(uint32_t)((int32_t)x[{at}]{plus(-p['in_zero'])})"


def _note(p: dict[str, Any]) -> str:
    scaled = f"acc * multiplier / 2^{p['shift'] or 'shift'}"
    if p["zero_point"]:
        scaled += f" + ({p['zero_point']})"
    return (
        f"depthwise conv2d {p['kernel_height']}x{p['kernel_width']}, "
        f"{p['height']}x{p['width']}x{p['channels']} {p['in_dtype']} -> "
        f"{p['out_height']}x{p['out_width']}x{p['n_out']} {p['out_dtype']}, two sums in a word"
        f"{'' if p['skips'] else ', as many instructions for every input'}: "
        f"out = {scaled}, halves up, in {p['low']}..{p['high']}"
    )
