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
    return {
        "cut_before": before > 0,
        "cut_behind": (p[f"out_{size}"] - 1) * p[f"stride_{size}"] + reach > before + p[size],
        "first": f"{begin} + {times(f'first_{tap}', dilation)}",
        "last": f"{begin} + {times(f'(end_{tap} - 1)', dilation)}",
        "before": before,
        "behind": before + p[size],
        "at": f"{begin} + {times(tap, dilation)}{plus(-before)}",
    }


def sizes_text(p: dict[str, Any]) -> str:
    """Return kernel, input and output sizes for a comment."""
    return (
        f"{p['kernel_height']}x{p['kernel_width']}, {p['height']}x{p['width']}x{p['channels']} -> "
        f"{p['out_height']}x{p['out_width']}"
    )
