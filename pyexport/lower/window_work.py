"""What convolutions and poolings have to do: counts of windows, taps and products."""

from __future__ import annotations

from typing import Any

from pyexport.lower.lane_work import blocks_of

Work = dict[str, float]
Params = dict[str, Any]

MOST_UNROLLED = 9  # bytes of a row that no loop takes
UNROLLED = 2  # turns of a loop that a compiler does without one, also for size


def taps_inside(p: Params, axis: str) -> int:
    """Return how many taps lie inside the input, all places of an axis together."""
    kernel, stride, pad = p[f"kernel_{axis}"], p[f"stride_{axis}"], p[f"pad_{axis}"]
    dilation, size, places = p.get(f"dilation_{axis}", 1), p[axis], p[f"out_{axis}"]
    return sum(
        0 <= place * stride - pad + tap * dilation < size
        for place in range(places)
        for tap in range(kernel)
    )


def is_cut(p: Params, axis: str) -> bool:
    """Return whether some window reaches over an edge."""
    return bool(taps_inside(p, axis) < p[f"kernel_{axis}"] * p[f"out_{axis}"])


def convolution(p: Params) -> Work:
    """Count a convolution that makes output after output: a call of a function for each.

    Taps outside are searched once a row of outputs and once a place. What lies under a row of the
    kernel is one run of products; with groups, or between gaps, each tap is a run of its own.
    """
    rows, columns = taps_inside(p, "height"), taps_inside(p, "width")
    height, width, n_out = p["out_height"], p["out_width"], p["n_out"]
    places, per_group = height * width, p["per_group"]
    cut = [is_cut(p, axis) for axis in ("height", "width")]
    outside = height * p["kernel_height"] - rows if cut[0] else 0
    outside += height * (width * p["kernel_width"] - columns) if cut[1] else 0
    is_run = p["groups"] == 1 and (p["dilation_width"] == 1 or p["kernel_width"] == 1)
    lines = rows * width * n_out
    looped = cut[0] or p["kernel_height"] > 1
    taps = rows * columns * n_out
    given = ("", ", of some columns", ", of some rows", ", of some taps")[2 * cut[0] + cut[1]]
    some = ""  # a run of as many as no constant tells
    if is_run and cut[1]:
        some = " of some taps" if looped else " of some columns"
    single = not is_run and per_group == 1
    return {
        "calls": 1,
        "rows": height,
        "places": places,
        "taps outside": outside,
        f"outputs{given}": places * n_out,
        "outputs with own shifts": 0 if p["shift"] else places * n_out,
        "outputs of groups": places * n_out if p["groups"] > 1 else 0,
        f"rows of taps{given}": lines if looped else 0,
        "taps": 0 if is_run or single else taps,
        "single products": taps if single else 0,
        f"products{some}": 0 if single else taps * per_group,
        "products with an offset": taps * per_group if p["in_zero"] else 0,
        "products of signed bytes": taps * per_group if p["in_dtype"] == "s8" else 0,
    }


def lane_convolution(p: Params, density: float) -> Work:
    """Count a convolution with two sums in a word, perhaps with a max pooling behind it.

    A function adds up a block of outputs over a window; short rows of it have no loop.
    """
    rows, columns = taps_inside(p, "height"), taps_inside(p, "width")
    height, width, channels = p["out_height"], p["out_width"], p["per_group"]
    places, sizes = height * width, blocks_of(p)
    area = p.get("pool_height", 1) * p.get("pool_width", 1)
    cut = [is_cut(p, axis) for axis in ("height", "width")]
    kind = "" if p["skips"] else ", never skipped"
    pairs = sum(-(-size // 2) for size in sizes)
    inputs = rows * columns * channels
    short = p["kernel_width"] * channels <= MOST_UNROLLED
    outside = height * p["kernel_height"] - rows if cut[0] else 0
    outside += height * (width * p["kernel_width"] - columns) if cut[1] else 0
    work: Work = {
        "calls": 1,
        "rows": height,
        "places": places,
        "taps outside": outside,
        f"outputs{kind}": places * p["n_out"] / area,
        "outputs with own shifts": 0 if p["shift"] else places * p["n_out"] / area,
        "blocks": places * len(sizes),
        "blocks of some taps": places * len(sizes) if any(cut) else 0,
        "words of blocks": places * pairs,
        "rows of taps": rows * width * len(sizes),
        "loops": 0 if short else rows * width * len(sizes),
        f"inputs{', in a loop' if not short else ''}{kind}": inputs * len(sizes),
        f"inputs other than 0{kind}": inputs * density * len(sizes) if p["skips"] else 0,
        f"words{kind}": inputs * (density if p["skips"] else 1.0) * pairs,
    }
    if area > 1:
        work["pools"] = places / area
        work["words of pools"] = places / area * pairs
        work["words compared"] = places * pairs
    return work


def transposed(p: Params, macs: int, outputs: int) -> Work:
    """Count a transposed convolution."""
    taps = macs / max(p["per_group"], 1)
    return {"calls": 1, "outputs": outputs, "taps": taps, "products": macs}


def pool(p: Params) -> Work:
    """Count a pooling: windows of every channel, tap after tap; compilers unroll loops of two."""
    rows, columns = taps_inside(p, "height"), taps_inside(p, "width")
    height, width, channels = p["out_height"], p["out_width"], p["channels"]
    cut = is_cut(p, "height") or is_cut(p, "width")
    unrolled = not cut and max(p["kernel_height"], p["kernel_width"]) <= UNROLLED
    kind = ", cut" if cut else ", unrolled" if unrolled else ""
    looped = cut or p["kernel_height"] > 1
    return {
        "calls": 1,
        "rows": height,
        f"places{kind}": height * width,
        f"outputs{kind}": height * width * channels,
        f"rows of taps{kind}": rows * width * channels if looped else 0,
        f"taps{kind}": rows * columns * channels,
    }
