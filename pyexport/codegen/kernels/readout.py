"""A score a class, of its spikes and membranes."""

from typing import Any

from pyexport.codegen.requantize import counter, plus
from pyexport.codegen.spiking import BITS
from pyexport.codegen.text import C_TYPES

SUM_LIMIT = (1 << 30) - 1
MIDDLE = 32768  # of scores that can be negative


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    n, steps, whole, shift = p["n"], p["steps"], p["whole"], p["shift"]
    stateful, packed, counts = bool(p["stateful"]), bool(p["packed_in"]), bool(p["counts"])
    bits = BITS[p["mask_dtype"]]
    row = -(-n // bits) if packed else n
    below = 16 - whole.bit_length()
    keeps = stateful and p["method"] != "membrane_last"
    first = p["method"] == "first_spike"
    return {
        "n": n,
        "steps": steps,
        "row": row,
        "spikes": f"{steps} * {row}",
        "spikes_type": C_TYPES[p["mask_dtype"]] if packed else "uint8_t",
        "membranes_type": C_TYPES[p["in_dtype"]],
        "mask_type": C_TYPES[p["mask_dtype"]],
        "packed_in": packed,
        "keeps": keeps,
        "keeps_counts": keeps and counts,
        "keeps_step": keeps and first,
        "counts": counts,
        "counter": counter(steps * n),
        "limits": _limits() if keeps else [],
        **_counted(p),
        **_rounds(p),
        "sum_before": "sums_before[k]" if keeps else "0",
        "count_before": "counts_before[k]" if keeps else "0",
        "next_class": _next_class(p) if counts else [],
        "rounded": f"((sum + INT32_C({1 << (shift - 1)})) >> {shift})" if shift else "sum",
        "middle": plus((1 << (below - 1)) if counts else MIDDLE),
        "most": (1 << below) - 1 if counts else 65535,
        "whole": f"(uint32_t)count << {below} | (uint32_t)" if counts else "",
        "steps_behind": f"before + {steps}u < {whole}u ? before + {steps}u : {whole}u",
        "note": _note(p),
    }


def _rounds(p: dict[str, Any]) -> dict[str, Any]:
    """Return the first membrane that a class reads, and how many."""
    if p["method"] != "membrane_last":
        return {"first": "", "rounds": p["steps"]}
    last = (p["steps"] - 1) * p["n"]
    return {"first": f"{last} + " if last else "", "rounds": 1}


def _next_class(p: dict[str, Any]) -> list[str]:
    """Return the C that goes on to the next class's spikes."""
    if not p["packed_in"]:
        return ["of++;"]
    shifted = f"bit = ({C_TYPES[p['mask_dtype']]})(bit << 1);"
    return [shifted, "if (bit == 0) {", "    bit = 1;", "    of++;", "}"]


def _limits() -> list[str]:
    return [f"sum = sum < -{SUM_LIMIT} ? -{SUM_LIMIT} : sum > {SUM_LIMIT} ? {SUM_LIMIT} : sum;"]


def _counted(p: dict[str, Any]) -> dict[str, str]:
    """Return the C that tells a spike, and what is counted then."""
    stateful, whole = p["stateful"], p["whole"]
    fired = "(*now & bit) != 0" if p["packed_in"] else "*now != 0"
    if p["method"] == "first_spike":
        at = "before + step" if stateful else "step"
        left = f"(uint16_t)({at} < {whole}u ? {whole}u - ({at}) : 0)"
        return {"fired": f"count == 0 && {fired}", "counted": f"count = {left};"}
    more = f" && count < {whole}" if stateful else ""
    return {"fired": fired + more, "counted": "count++;"}


def _note(p: dict[str, Any]) -> str:
    score = {
        "count": "the number of spikes, then the sum of membranes",
        "first_spike": "how early the first spike comes, then the sum of membranes",
        "membrane_mean": "the sum of membranes",
        "membrane_last": "the last membrane",
    }[p["method"]]
    steps = "1 step" if p["steps"] == 1 else f"{p['steps']} steps"
    return f"readout of {steps} of {p['n']} neurons: {score}"
