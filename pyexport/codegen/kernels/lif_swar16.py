"""Spiking neurons that read spikes, two membranes a word."""

from typing import Any

from pyexport.codegen.requantize import counter
from pyexport.codegen.spiking import ZEROS_HELPER, behind, list_text, masks_text, note
from pyexport.codegen.text import C_TYPES

Helper = tuple[str, dict[str, Any]]


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    n, size, stride, reset = p["n"], p["size"], p["stride"], p["reset"]
    pairs = n // 2
    blocks = -(-pairs // size)
    own = p["threshold"] == ""
    looks_back = reset != "none" and (bool(p["reset_delay"]) or reset == "carry")
    now = not p["reset_delay"] or reset == "carry"
    subtracts = reset in ("subtract", "carry")
    return {
        **masks_text(p),
        **list_text(p),
        "n": n,
        "n_in": p["n_in"],
        "steps": p["steps"],
        "pairs": pairs,
        "size": size,
        "sums": list(range(size)),
        "words": blocks * size,
        "weights": blocks * p["n_in"] * stride,
        "block_words": p["n_in"] * stride,
        "behind": behind(pairs, size),
        "counter": counter(p["steps"] * n, blocks * p["n_in"] * stride, p["n_in"] + 32),
        "workspace": p["workspace"],
        "stateful": bool(p["stateful"]),
        "state_type": C_TYPES[p["membrane_dtype"]],
        "membranes": bool(p["membranes_dtype"]),
        "membranes_type": C_TYPES[p["membranes_dtype"]] if p["membranes_dtype"] else "",
        "own_threshold": own,
        "limit": "limit" if own else _lanes(int(p["threshold"])),
        "threshold": _threshold(p, own),
        "leak": p["leak"],
        "kept": f"0x{(0xFFFF >> int(p['leak'])) * 0x10001:08X}",
        "looks_back": looks_back,
        "clears_before": looks_back and reset == "zero",
        "subtracts_before": looks_back and subtracts,
        "subtracts": now and subtracts,
        "clears": now and reset == "zero",
        "carries": reset == "carry",
        "acts": bool(p["packed_out"]) or (now and reset != "none"),
        "note": note(p),
    }


def _lanes(value: int) -> str:
    """Return C for a word with the same value in both halves."""
    return f"UINT32_C(0x{value * 0x10001:08X})"


def _threshold(p: dict[str, Any], own: bool) -> str:
    """Return C for what a reset subtracts; with `gt` limits are greater by one."""
    more = int(p["compare"] == "gt")
    if not own:
        return _lanes(int(p["threshold"]) - more)
    return f"limit - {_lanes(1)}" if more else "limit"


def helper_values(params: dict[str, Any]) -> tuple[Helper, ...]:
    """Return what finds spikes in a word, where inputs come in words."""
    return ((ZEROS_HELPER, {}),) if params["packed_in"] else ()
