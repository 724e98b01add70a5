"""Linear layers on AVR: blocks of outputs whose 16-bit sums stay in pairs of registers."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from pyexport.codegen.requantize import plus
from pyexport.codegen.text import C_TYPES, counter_type

HELPERS = ("ops/product16_avr.h.j2",)
SUMS = "ops/sums16_avr.h.j2"

REGISTERS = (*range(2, 18, 2), *range(20, 26, 2))  # the low ones of pairs that hold sums
BYTE = 8
SHORT = 256  # inputs that a counter of 8 bits takes


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    parts, at = [], 0
    for size, group in groupby(_sizes(params)):
        count = len(list(group))
        parts.append({"function": _function(params, size), "count": count, "at": plus(at)})
        at += count * size
    n_in, n_out = params["n_in"], params["n_out"]
    return {**common_values(params), "parts": parts, "bytes": n_out * (n_in + 2)}


def common_values(params: dict[str, Any]) -> dict[str, Any]:
    """Return what all such kernels print, wherever they have their weights."""
    n_in, n_out = params["n_in"], params["n_out"]
    return {
        "note": _note(params),
        "n_in": n_in,
        "n_out": n_out,
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "counter": counter_type(max(n_in, n_out)),
        **_rounding(params),
    }


def helper_values(params: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the functions that layers share: one for each size of a block."""
    return tuple((SUMS, _sums(params, size)) for size in sorted(set(_sizes(params))))


def _sizes(params: dict[str, Any]) -> list[int]:
    return [int(size) for size in params["blocks"].split()]


def _function(params: dict[str, Any], size: int) -> str:
    dense = "" if params["skips"] else "_dense"
    length = "" if params["n_in"] <= SHORT else "_long"
    return f"sums{size}_{params['in_dtype']}{dense}{length}"


def _sums(params: dict[str, Any], size: int) -> dict[str, Any]:
    """Return what the function that sums blocks of `size` outputs prints."""
    pairs = [{"at": k, "low": f"r{r}", "high": f"r{r + 1}"} for k, r in enumerate(REGISTERS)][:size]
    used = [f'"{pair[half]}"' for pair in pairs for half in ("low", "high")]
    return {
        "function": _function(params, size),
        "size": size,
        "pairs": pairs,
        "in_type": C_TYPES[params["in_dtype"]],
        "product": "mulsu" if params["in_dtype"] == "u8" else "muls",
        "skips": bool(params["skips"]),
        "count_down": "dec  r28" if params["n_in"] <= SHORT else "sbiw r28, 1",
        "clobbers": ", ".join(name for name in used if name not in ('"r24"', '"r25"')),
    }


def _rounding(params: dict[str, Any]) -> dict[str, Any]:
    """Return how a sum becomes a byte: v, with the rest still to be shifted off, then the byte."""
    shift, low, wide = (params[key] for key in ("shift", "low", "wide"))
    above = params["zero_point"] - low
    early = params["skips"] and above == 0
    return {
        "own_shift": not shift,
        "value": _shifted(above) if not shift else _scaled(shift, above, wide),
        "value_type": _value_type(params),
        "negatives": [low] if early else [],  # which then need no product
        "limits": _limits(params, early) if params["skips"] else _limits_without_branch(params),
        "byte": _byte(shift, wide),
        "above": plus(low),
    }


def _scaled(shift: int, above: int, wide: bool) -> str:
    """Return v before the shift that all outputs share: limits are cheaper there."""
    offset = (1 << (shift - 1)) + (above << shift)
    return f"high + INT32_C({offset})" if wide else f"high{plus(offset)}"


def _shifted(above: int) -> str:
    """Return v after a shift of the output's own."""
    return f"((high + (1 << (s - 1))) >> s){plus(above)}"


def _limits(params: dict[str, Any], early: bool) -> list[str]:
    """Return the lines that bring v between the least and the greatest output."""
    lines = [] if early else ["v = v < 0 ? 0 : v;"]
    return lines + [f"v = v > {most} ? {most} : v;" for most in _most(params)]


def _limits_without_branch(params: dict[str, Any]) -> list[str]:
    """Return lines that do the same, as fast for every v."""
    kind, sign = _value_type(params), 31 if params["wide"] else 15
    lines = [f"v = ({kind})(v & ~(v >> {sign})); /* the limits, without a branch */"]
    for most in _most(params):
        lines += [
            f"v = ({kind})({most} - v);",
            f"v = ({kind})({most} - (v & ~(v >> {sign})));",
        ]
    return lines


def _most(params: dict[str, Any]) -> list[int]:
    """Return the greatest v that gives the greatest output, if any may be greater."""
    most = ((params["high"] - params["low"] + 1) << params["shift"]) - 1
    return [most] if most < (1 << (31 if params["wide"] else 15)) - 1 else []


def _value_type(params: dict[str, Any]) -> str:
    return "int32_t" if params["wide"] else "int16_t"


def _byte(shift: int, wide: bool) -> str:
    """Return v >> shift, below 256; shifting left by less is cheaper on 8 bits."""
    if not shift:  # shifted before
        return "v"
    if shift < BYTE:
        return f"(uint16_t)((uint16_t)v << {BYTE - shift}) >> {BYTE}"
    return f"({'uint32_t' if wide else 'uint16_t'})v >> {shift}"


def _note(params: dict[str, Any]) -> str:
    of = 16 + params["shift"] if params["shift"] else "(16 + shift)"
    how = "" if params["skips"] else ", as many cycles for every input"
    scaled = f"acc * multiplier / 2^{of}"
    if params["zero_point"]:
        scaled += f" + ({params['zero_point']})"
    return (
        f"linear, {params['n_in']} {params['in_dtype']} -> {params['n_out']} "
        f"{params['out_dtype']}{how}: out = {scaled}, halves up, "
        f"in {params['low']}..{params['high']}"
    )
