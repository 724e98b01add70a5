"""C text that the kernels of spiking neurons share: charge, fire and reset, masks of spikes."""

from __future__ import annotations

from typing import Any

from pyexport.codegen.requantize import counter
from pyexport.codegen.text import C_TYPES, READERS

COMPARE = {"gt": ">", "ge": ">="}
FIELDS = {"leak": "leak", "synaptic": "fade"}  # of an operator: what C calls its table
BITS = {"u8": 8, "u32": 32}  # of a word of spikes
ZEROS_HELPER = "ops/zeros_below.h.j2"


def lif_text(p: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of the templates that compute a spiking layer."""
    n, steps, size = p["n"], p["steps"], p["size"]
    blocks = -(-n // size)
    return {
        **neuron_text(p),
        **masks_text(p),
        "n": n,
        "n_in": p["n_in"],
        "steps": steps,
        "size": size,
        "sums": list(range(size)),
        "stride": p["stride"],
        "weights": blocks * p["n_in"] * p["stride"],
        "behind": behind(n, size),
        "counter": counter(
            steps * max(n, p["n_in"]), blocks * p["n_in"] * p["stride"], p["n_in"] + 32
        ),
        "workspace": p["workspace"],
        "workspace_type": C_TYPES[p["workspace_dtype"]],
        "synaptic_at": p["synaptic_at"],
        "waits_at": p["waits_at"],
        "note": note(p),
    }


def behind(n: int, size: int) -> str:
    """Return C for the end of a block that starts at k."""
    return f"k + {size}" if n % size == 0 else f"k + {size} < {n} ? k + {size} : {n}"


def list_text(p: dict[str, Any]) -> dict[str, Any]:
    """Return where the list of inputs that fired lies, and of what it is made."""
    list_type, whole = C_TYPES[p["list_dtype"]], f"&workspace[{p['list_at']}]"
    cast = "" if list_type == C_TYPES[p["workspace_dtype"]] else f"({list_type} *)"
    return {
        "list_type": list_type,
        "list_at": cast + whole,
        "stride_bits": p["stride"].bit_length() - 1,
        "block_bytes": p["n_in"] * p["stride"],
    }


def neuron_text(p: dict[str, Any]) -> dict[str, Any]:
    """Return what a neuron does in a step, once its inputs are summed, and the tables it reads."""
    reset = p["reset"]
    own_threshold = p["threshold"] == ""
    limit = "limit" if own_threshold else p["threshold"]
    looks_back = reset == "carry" or (bool(p["reset_delay"]) and reset != "none")
    left = leaked("u", "leak", p)
    synaptic = p["synaptic"] != "none"
    if looks_back and reset == "zero":
        charged = f"fired ? 0 : {left} + current" if synaptic else f"(fired ? 0 : {left}) + current"
    elif looks_back:
        charged = f"{left} + current - (fired ? {limit} : 0)"
    else:
        charged = f"{left} + current"
    fires = f"u {COMPARE[p['compare']]} {limit}"
    return {
        **table_types(p),
        "value_type": C_TYPES[p["value_dtype"]],
        "state_type": C_TYPES[p["membrane_dtype"]],
        "synaptic_type": C_TYPES[p["synaptic_dtype"]] if synaptic else "",
        "synaptic": synaptic,
        "refractory": p["refractory"],
        "own_threshold": own_threshold,
        "read_threshold": f"{READERS[p['threshold_dtype']]}(&threshold[k])",
        "current": "steady[k]" if p["direct"] else scaled_sum(p, "*sum++"),
        "steady": scaled_sum(p, "*sum++"),
        "looks_back": looks_back,
        "fired": fires,
        "faded": leaked("synaptic[k]", "synaptic", p) if synaptic else "",
        "limited_current": _limited("current", -p["synaptic_limit"], p["synaptic_limit"], p),
        "charged": charged,
        "limited": _limited("u", p["low"], p["high"], p),
        "fires": f"waits[k] == 0 && {fires}" if p["refractory"] else fires,
        "reset": _reset(p, limit),
    }


def table_types(p: dict[str, Any]) -> dict[str, Any]:
    """Return which tables of its neurons a layer has, and what they hold."""
    synaptic = p["synaptic"] != "none"
    return {
        "stateful": bool(p["stateful"]),
        "synaptic_state": synaptic and bool(p["stateful"]),
        "synaptic_space": synaptic and not p["stateful"],
        "refractory_state": bool(p["refractory"] and p["stateful"]),
        "refractory_space": bool(p["refractory"] and not p["stateful"]),
        "membranes": bool(p["membranes_dtype"]),
        "membranes_type": C_TYPES[p["membranes_dtype"]] if p["membranes_dtype"] else "",
        "threshold_type": C_TYPES[p["threshold_dtype"]],
        "reset_type": C_TYPES[p["reset_dtype"]],
        "bias_type": C_TYPES[p["bias_dtype"]] if p["bias_dtype"] else "",
        "weight_type": C_TYPES[p["weight_dtype"]],
        "own_leak": p["leak"] == "",
        "leak_type": "uint8_t" if p["shift_leak"] else "uint16_t",
        "own_fade": synaptic and p["synaptic"] == "",
        "fade_type": "uint8_t" if p["shift_synaptic"] else "uint16_t",
        "own_reset": p["v_reset"] == "",
    }


def scaled_sum(p: dict[str, Any], value: str) -> str:
    """Return the current of a neuron: its sum in units of the membrane, and its bias."""
    unit = 1 << p["fraction"]
    factor = f" * {unit}" if p["value_dtype"] == "s16" else f" * INT32_C({unit})"
    bias = f" + {READERS[p['bias_dtype']]}(&bias[k])" if p["bias_dtype"] else ""
    return f"{value}{factor if p['fraction'] else ''}{bias}"


def leaked(value: str, which: str, p: dict[str, Any]) -> str:
    """Return C of what a leak leaves of a value: `which` is "leak" or "synaptic"."""
    table, by_shift = FIELDS[which], p[f"shift_{which}"]
    if by_shift:
        shift = p[which] or f"PYEXPORT_READ_U8(&{table}[k])"
        return f"{value} - ({value} >> {shift})"
    if p[which] == str(1 << 15):
        return value
    if p[which] == "0":
        return "0"
    factor = f"INT32_C({p[which]})" if p[which] else f"(int32_t)PYEXPORT_READ_U16(&{table}[k])"
    return f"(({value} * {factor} + INT32_C(16384)) >> 15)"


def _limited(value: str, low: int, high: int, p: dict[str, Any]) -> list[str]:
    if not p["saturating"]:
        return []
    return [f"{value} = {value} < {low} ? {low} : {value} > {high} ? {high} : {value};"]


def _reset(p: dict[str, Any], limit: str) -> list[str]:
    """Return the lines of a reset in the same step."""
    if p["reset"] == "carry":
        lines = [f"u += (fired ? {limit} : 0) - (fires ? {limit} : 0);"]
        return lines + _limited("u", p["low"], p["high"], p)
    if p["reset"] == "none" or p["reset_delay"]:
        return []
    if p["reset"] == "subtract":
        return ["if (fires) {", f"    u -= {limit};", "}"]
    to = p["v_reset"] or f"{READERS[p['reset_dtype']]}(&v_reset[k])"
    return ["if (fires) {", f"    u = {to};", "}"]


def masks_text(p: dict[str, Any]) -> dict[str, Any]:
    """Return how spikes lie in the input and in the output: one a byte, or one a bit."""
    mask, steps, n, n_in = p["mask_dtype"], p["steps"], p["n"], p["n_in"]
    bits = BITS[mask]
    packed_in, packed_out = bool(p["packed_in"]), bool(p["packed_out"])
    words_in = f"{steps} * {-(-n_in // bits)}"
    in_type = C_TYPES[mask if packed_in else p["in_dtype"]]
    return {
        "packed_in": packed_in,
        "packed_out": packed_out,
        "mask_type": C_TYPES[mask],
        "mask_bits": bits,
        "lists_words": packed_in and bits == 32,
        "lists_bytes": packed_in and bits < 32,
        "last_bits": n % bits,
        "in_type": in_type,
        "in_size": words_in if packed_in else f"{steps} * {n_in}",
        "spikes_type": C_TYPES[mask] if packed_out else "uint8_t",
        "spikes": f"{steps} * {-(-n // bits) if packed_out else n}",
    }


def note(p: dict[str, Any]) -> str:
    """Return the comment above a kernel."""
    steps = "1 step" if p["steps"] == 1 else f"{p['steps']} steps"
    kind = "spikes" if p["events"] else p["in_dtype"]
    own = "leak"
    if p["shift_leak"]:
        kept = f"u - (u >> {p['leak'] or own})"
    else:
        kept = f"u * {p['leak'] or own} / 2^15, halves up"
    when = "" if p["reset"] == "none" else ", delayed" if p["reset_delay"] else ", same step"
    fires = {"gt": "above", "ge": "at or above"}[p["compare"]]
    return (
        f"lif, {steps} of {p['n_in']} {kind} -> {p['n']} neurons: each step keeps {kept}; "
        f"they fire {fires} their threshold; reset {p['reset']}{when}"
    )


def encode_text(p: dict[str, Any], columns: int) -> dict[str, Any]:
    """Return what the kernels share that make spikes; columns: of a step's spikes."""
    mask, steps = p["mask_dtype"], p["steps"]
    packed = bool(p["packed_out"])
    row = -(-columns // BITS[mask]) if packed else columns
    return {
        "n": p["n"],
        "steps": steps,
        "row": row,
        "in_type": C_TYPES[p["in_dtype"]],
        "stateful": bool(p["stateful"]),
        "packed_out": packed,
        "mask_type": C_TYPES[mask],
        "last_bits": columns % BITS[mask],
        "spikes_type": C_TYPES[mask] if packed else "uint8_t",
        "spikes": f"{steps} * {row}",
        "counter": counter(steps * row, columns),
    }


def limits_of(value: str, p: dict[str, Any]) -> list[str]:
    """Return the C that limits an input to the range of an encoder, as far as it can leave it."""
    lines = []
    if p["least"] < p["low"]:
        lines.append(f"{value} = {value} < {p['low']} ? {p['low']} : {value};")
    if p["most"] > p["high"]:
        lines.append(f"{value} = {value} > {p['high']} ? {p['high']} : {value};")
    return lines
