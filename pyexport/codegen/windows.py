"""How windows lie on an input, as C text: for convolutions and pooling."""

from typing import Any

from pyexport.codegen.requantize import plus, times


def axis_text(p: dict[str, Any], size: str) -> dict[str, Any]:
    """Return one axis ("height" or "width"): at which ends taps fall outside, and where each reads.

    The C counts outputs in y and x, and taps in row and column.
    """
    out, tap = {"height": ("y", "row"), "width": ("x", "column")}[size]
    begin = times(out, p[f"stride_{size}"])
    before, dilation = p[f"pad_{size}"], p[f"dilation_{size}"]
    reach = (p[f"kernel_{size}"] - 1) * dilation + 1
    cut_before = before > 0
    cut_behind = (p[f"out_{size}"] - 1) * p[f"stride_{size}"] + reach > before + p[size]
    is_cut = cut_before or cut_behind
    first = f" + {times(f'first_{tap}', dilation)}" if is_cut else ""
    return {
        "cut_before": cut_before,
        "cut_behind": cut_behind,
        "is_cut": is_cut,
        "first": f"{begin} + {times(f'first_{tap}', dilation)}",
        "last": f"{begin} + {times(f'(end_{tap} - 1)', dilation)}",
        "before": before,
        "behind": before + p[size],
        "corner": f"{begin}{first}{plus(-before)}",
        "some_outside": _some_outside(p, size),
        "at": f"{begin} + {times(tap, dilation)}{plus(-before)}",
    }


def _some_outside(p: dict[str, Any], size: str) -> bool:
    """Return whether some window holds nothing of the input: it lies in the padding."""
    taps = [tap * p[f"dilation_{size}"] - p[f"pad_{size}"] for tap in range(p[f"kernel_{size}"])]
    places = [place * p[f"stride_{size}"] for place in range(p[f"out_{size}"])]
    return any(all(not 0 <= place + tap < p[size] for tap in taps) for place in places)


def sizes_text(p: dict[str, Any]) -> str:
    """Return kernel, input and output sizes for a comment."""
    return (
        f"{p['kernel_height']}x{p['kernel_width']}, {p['height']}x{p['width']}x{p['channels']} -> "
        f"{p['out_height']}x{p['out_width']}"
    )
