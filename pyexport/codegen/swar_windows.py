"""How the sums of a window are looped over, two in a word: for convolutions of 16-bit sums."""

from __future__ import annotations

from typing import Any

from pyexport.codegen.requantize import plus, times
from pyexport.codegen.swar_round import rounding_values
from pyexport.codegen.text import C_TYPES, counter_type
from pyexport.codegen.windows import axis_text

HELPERS = ("ops/apart.h.j2", "ops/words.h.j2")
UNROLLED = 4  # bytes that one round of a loop takes
MOST_UNROLLED = 9  # bytes of a row that no loop takes


def window_values(p: dict[str, Any]) -> dict[str, Any]:
    """Return what kernels print whose words hold two sums of a window."""
    in_size = p["height"] * p["width"] * p["channels"]
    out_size = p["out_height"] * p["out_width"] * p["n_out"]
    taps = _taps(p)
    rows, columns = axis_text(p, "height"), axis_text(p, "width")
    cut = [axis["cut_before"] or axis["cut_behind"] for axis in (rows, columns)]
    parts = [_part(p, i, count, size, cut) for i, (count, size) in enumerate(_blocks(p))]
    pairs = sum(part["count"] * len(part["sums"]) for part in parts)
    rows_at, columns_at = _start(p, "height", cut[0]), _start(p, "width", cut[1])
    return {
        "in_type": C_TYPES[p["in_dtype"]],
        "out_type": C_TYPES[p["out_dtype"]],
        "in_size": in_size,
        "out_size": out_size,
        "n_out": p["n_out"],
        "words": pairs * taps,
        "pairs": pairs,
        "most_pairs": max(len(part["sums"]) for part in parts),
        "counter": counter_type(max(in_size, out_size, pairs * taps, p["far"])),
        "out_height": p["out_height"],
        "out_width": p["out_width"],
        "kernel_height": p["kernel_height"],
        "kernel_width": p["kernel_width"],
        "row_range": [_inside(p, "height", rows)] if cut[0] else [],
        "column_range": [_inside(p, "width", columns)] if cut[1] else [],
        "corner": times(f"(({rows_at}) * {p['width']} + {columns_at})", p["channels"]),
        "parts": parts,
        **rounding_values(p),
    }


def _blocks(p: dict[str, Any]) -> list[tuple[int, int]]:
    full, rest = divmod(p["n_out"], p["block"])
    return [(count, size) for count, size in ((full, p["block"]), (min(rest, 1), rest)) if count]


def _start(p: dict[str, Any], size: str, cut: bool) -> str:
    """Return the first row or column of a window that lies in the input."""
    out, tap = {"height": ("y", "first_row"), "width": ("x", "first_column")}[size]
    stride, dilation = p[f"stride_{size}"], p[f"dilation_{size}"]
    text = out if stride == 1 else f"{out} * {stride}"
    if cut:
        text += f" + {tap}" if dilation == 1 else f" + {tap} * {dilation}"
    return text + plus(-p[f"pad_{size}"])


def _inside(p: dict[str, Any], size: str, axis: dict[str, Any]) -> dict[str, Any]:
    """Return the C that finds the taps of one axis inside the input: at once, or one by one."""
    out, tap = {"height": ("y", "row"), "width": ("x", "column")}[size]
    kernel, begin = p[f"kernel_{size}"], times(out, p[f"stride_{size}"])
    common = {"tap": tap, "kernel": kernel, **axis}
    dense = p[f"dilation_{size}"] == 1
    if dense and _always_some(p, size, axis):
        return common | {
            "search": "if",
            "is_before": f"{begin} < {axis['before']}",
            "skip_before": f" = {axis['before']} - {begin}",
            "is_behind": f"{begin} + {kernel} > {axis['behind']}",
            "skip_behind": f" = {axis['behind']} - {begin}",
        }
    first, end = f"first_{tap}", f"end_{tap}"
    return common | {
        "search": "while",
        "is_before": f"{first} < {end} && {axis['first']} < {axis['before']}",
        "skip_before": "++",
        "is_behind": f"{end} > {first} && {axis['last']} >= {axis['behind']}",
        "skip_behind": "--",
    }


def _part(p: dict[str, Any], number: int, count: int, size: int, cut: list[bool]) -> dict[str, Any]:
    """Return `count` blocks of `size` outputs: which sums there are, and how they are added up."""
    pairs = -(-size // 2)
    bodies = [_body(p, pairs, cut, run) for run in _runs(p, cut[1])]
    whole = f"columns == {p['kernel_width']}"
    if all(cut) and bodies[0]["walk"] and _taps(p) <= MOST_UNROLLED:
        bodies = [_whole_window(p, pairs), bodies[-1]]
        whole = f"rows == {p['kernel_height']} && {whole}"
    if len(bodies) == 2:
        bodies[0] |= {"opens": f"    if ({whole}) {{\n", "depth": 8}
        bodies[1] |= {"opens": "    } else {\n", "depth": 8}
    ranges = [name for name, is_cut in zip(("rows", "columns"), cut, strict=True) if is_cut]
    given = {"rows": "end_row - first_row", "columns": "end_column - first_column"}
    counters = {
        "row": True,
        "column": any(body["column_loop"] for body in bodies),
        "i": any(body["rounds"] for body in bodies),
    }
    counter = counter_type(p["height"] * p["width"] * p["channels"])
    return {
        "suffix": "_sums" + ("_left" if number else ""),
        "in_type": C_TYPES[p["in_dtype"]],
        "counter": counter,
        "counters": [name for name, needs in counters.items() if needs],
        "range": "".join(f"{counter} {name}, " for name in ranges),
        "given": "".join(f"{given[name]}, " for name in ranges),
        "first": _first_weight(p, p["channels"] * pairs, cut),
        "walks": any(body["walk"] for body in bodies),
        "words_read": ["u", "v"][: min(1 + p["paired"], pairs)],
        "count": count,
        "size": size,
        "sums": list(range(pairs)),
        "words": p["kernel_height"] * p["kernel_width"] * p["channels"] * pairs,
        "bodies": bodies,
        "closes": "    }\n" if len(bodies) == 2 else "",
        "whole_pairs": size // 2,
        "is_odd": bool(size % 2),
    }


def _taps(p: dict[str, Any]) -> int:
    """Return how many bytes of the input a window holds."""
    return int(p["kernel_height"] * p["kernel_width"] * p["channels"])


def _whole_window(p: dict[str, Any], pairs: int) -> dict[str, Any]:
    """Return the products of a small window that lies inside the input, without a loop."""
    line, run = p["width"] * p["channels"], p["kernel_width"] * p["channels"]
    places = [row * line + at for row in range(p["kernel_height"]) for at in range(run)]
    whole = [
        {"value": _value(p, place), "loads": _loads(i * pairs, pairs, 1 + p["paired"])}
        for i, place in enumerate(places)
    ]
    nothing: dict[str, Any] = {"walk": [], "column_loop": [], "rounds": []}
    return {"opens": "", "depth": 8, "whole": whole, "skips": bool(p["skips"]), **nothing}


def _merged(p: dict[str, Any]) -> bool:
    """Return whether the bytes under a row of the kernel lie side by side."""
    return bool(p["dilation_width"] == 1 or p["kernel_width"] == 1)


def _runs(p: dict[str, Any], cut: bool) -> list[int]:
    """Return the lengths of runs of bytes that lie side by side; 0 stands for `columns` pixels.

    Where windows are cut and rounds of pixels are short, whole windows have loops of their own.
    """
    if not _merged(p):
        return [p["channels"]]
    whole = p["kernel_width"] * p["channels"]
    if not cut:
        return [whole]
    return [0] if _unrolled(p) >= UNROLLED or p["kernel_width"] == 1 else [whole, 0]


def _unrolled(p: dict[str, Any]) -> int:
    """Return how many bytes a round takes where a run has any number of pixels."""
    return next(n for n in (8, 4, 3, 2, 1) if n <= p["round"] and p["channels"] % n == 0)


def _always_some(p: dict[str, Any], size: str, axis: dict[str, Any]) -> bool:
    """Return whether every window holds a row, or a column, of the input."""
    return bool(
        axis["before"] < p[f"kernel_{size}"]
        and (p[f"out_{size}"] - 1) * p[f"stride_{size}"] < axis["behind"]
    )


def _walk(p: dict[str, Any], pairs: int, run: int) -> list[dict[str, str]]:
    """Return how far the next row is behind the bytes and words that loops have gone over.

    Pointers that go on from row to row leave registers to sums. A list of none: rows may be
    missing, or have gaps, and each row's pointers are made anew.
    """
    dense = all(
        p[f"dilation_{size}"] == 1 and _always_some(p, size, axis_text(p, size))
        for size in ("height", "width")
    )
    if not dense:
        return []
    line, words = p["width"] * p["channels"], p["kernel_width"] * p["channels"] * pairs
    if run == 0:
        return [
            {
                "bytes": f"{line} - {times('columns', p['channels'])}",
                "words": f"{words} - {times('columns', p['channels'] * pairs)}",
            }
        ]
    gone = run - run % UNROLLED if run > MOST_UNROLLED else 0
    return [{"bytes": str(line - gone), "words": str(words - gone * pairs)}]


def _body(p: dict[str, Any], pairs: int, cut: list[bool], run: int) -> dict[str, Any]:
    channels, width = p["channels"], p["kernel_width"]
    if run == 0:
        unrolled = _unrolled(p)
        each = channels // unrolled
        rounds, left = ["columns" if each == 1 else f"columns * {each}"], 0
    elif run <= MOST_UNROLLED:
        unrolled, rounds, left = 0, [], run
    else:
        unrolled, rounds, left = UNROLLED, [str(run // UNROLLED)], run % UNROLLED
    return {
        "opens": "",
        "depth": 4,
        "whole": [],
        "walk": _walk(p, pairs, run),
        "in_type": C_TYPES[p["in_dtype"]],
        "rows": "rows" if cut[0] else p["kernel_height"],
        "line": p["width"] * channels * p["dilation_height"],
        "row_words": width * channels * pairs,
        "column_loop": [] if _merged(p) else [_column_loop(p, pairs, cut[1])],
        "rounds": rounds,
        "inputs": _inputs(p, unrolled, pairs),
        "step": unrolled * pairs,
        "left": _inputs(p, left, pairs),
        "skips": bool(p["skips"]),
    }


def _column_loop(p: dict[str, Any], pairs: int, cut: bool) -> dict[str, Any]:
    """Return the loop over columns between which there are gaps."""
    return {
        "count": "columns" if cut else p["kernel_width"],
        "step": p["dilation_width"] * p["channels"],
        "words": p["channels"] * pairs,
    }


def _first_weight(p: dict[str, Any], words: int, cut: list[bool]) -> str:
    width = p["kernel_width"]
    tap = {
        (True, True): f"(first_row * {width} + first_column) * {words}",
        (True, False): f"first_row * {width * words}",
        (False, True): f"first_column * {words}",
        (False, False): "0",
    }
    return tap[cut[0], cut[1]]


def _inputs(p: dict[str, Any], count: int, pairs: int) -> list[dict[str, Any]]:
    return [
        {
            "value": _value(p, i),
            "loads": _loads(i * pairs, pairs, 1 + p["paired"]),
        }
        for i in range(count)
    ]


def _loads(at: int, pairs: int, together: int) -> list[list[dict[str, Any]]]:
    """Return the words that an input takes, as many together as are read before they are used.

    Two that are read side by side become one instruction where registers allow.
    """
    words = [{"sum": k, "at": at + k, "name": "uv"[k % together]} for k in range(pairs)]
    return [words[k : k + together] for k in range(0, pairs, together)]


def _value(p: dict[str, Any], at: int) -> str:
    if not p["in_zero"]:
        return f"(uint32_t)x[{at}]"
    return f"(uint32_t)((int32_t)x[{at}]{plus(-p['in_zero'])})"


def window_note(p: dict[str, Any], how: str) -> str:
    """Return the comment above the kernel."""
    how += "" if p["skips"] else ", as many instructions for every input"
    scaled = f"acc * multiplier / 2^{p['shift'] or 'shift'}"
    if p["zero_point"]:
        scaled += f" + ({p['zero_point']})"
    return (
        f"conv2d {p['kernel_height']}x{p['kernel_width']}, "
        f"{p['height']}x{p['width']}x{p['channels']} {p['in_dtype']} -> "
        f"{p['out_height']}x{p['out_width']}x{p['n_out']} {p['out_dtype']}, {how}: "
        f"out = {scaled}, halves up, in {p['low']}..{p['high']}"
    )
