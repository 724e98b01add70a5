"""Spikes whose rate is the value."""

from typing import Any

from pyexport.codegen.spiking import encode_text, limits_of


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    span = p["high"] - p["low"]
    return {
        **encode_text(p, p["n"]),
        "limits": limits_of("v", p),
        "twice": f"2 * (v - {p['low']})" if p["low"] > 0 else f"2 * (v + {-p['low']})",
        "start": "(int16_t)filled_before[k]" if p["stateful"] else span,
        "full": 2 * span,
        "note": f"spikes of {p['n']} {p['in_dtype']}, {p['low']}..{p['high']}: a share of the "
        f"steps that rises with the value; the accumulator counts halves",
    }
