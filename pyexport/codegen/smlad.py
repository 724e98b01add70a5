"""C text of linear layers on pairs of products: blocks of four outputs, steps of four inputs."""

from typing import Any

from pyexport.codegen.requantize import plus
from pyexport.codegen.text import C_TYPES, counter_type

QUAD = 4  # inputs of a step
ROWS = 4  # outputs of a block
UNROLLED = 4  # steps of one round of the loop
WORDS = ("r4", "r5", "r6", "r8")  # r7 may be the frame pointer


def smlad_values(params: dict[str, Any], bits: int) -> dict[str, Any]:
    """Return what a kernel with sums of so many bits prints."""
    p = params
    n_in, n_out = p["n_in"], p["n_out"]
    full, rest = divmod(n_out, ROWS)
    sizes = [(full, ROWS)] * bool(full) + [(1, rest)] * bool(rest)
    quads = -(-n_in // QUAD)
    parts = [_part(count, outputs, quads) for count, outputs in sizes]
    rows = sum(part["count"] * len(part["rows"]) for part in parts)
    return {
        "n_in": n_in,
        "n_out": n_out,
        "in_type": C_TYPES[p["in_dtype"]],
        "out_type": C_TYPES[p["out_dtype"]],
        "counter": counter_type(max(n_in, n_out)),
        "quads": quads,
        "pairs": 2 * quads,
        "words": rows * quads,
        "rows": rows,
        "parts": parts,
        "start": p["start"],
        "shift": p["shift"],
        "above_low": plus(-p["low"]),
        "span": p["high"] - p["low"],
        "high": p["high"],
        **_saturation(p["low"], p["high"]),
        **_inputs(n_in, p["in_low"], p["add_even"], p["add_odd"]),
        "note": f"linear, {n_in} {p['in_dtype']} -> {n_out} {p['out_dtype']}, sums of {bits} bits, "
        f"two products at once: halves up, in {p['low']}..{p['high']}",
    }


def _part(count: int, outputs: int, quads: int) -> dict[str, Any]:
    """Return `count` blocks of so many outputs; one of a single output has two rows."""
    rows = max(outputs, 2)
    repeats = [(quads // UNROLLED, UNROLLED), (1, quads % UNROLLED)]
    return {
        "count": count,
        "outputs": outputs,
        "rows": list(range(rows)),
        "real": list(range(outputs)),
        "sums": ", ".join(f'[s{k}] "+r"(s{k})' for k in range(rows)),
        "clobbers": ", ".join(f'"{word}"' for word in WORDS[:rows]),
        "repeats": [
            {"rounds": rounds, "steps": [rows] * steps}
            for rounds, steps in repeats
            if rounds * steps
        ],
    }


def _inputs(n_in: int, low: int, even: int, odd: int) -> dict[str, Any]:
    """Return how four inputs are read, and the last ones where four do not divide their number.

    An input that is missing, whose weights are 0, is the least, so that its pair fits 16 bits.
    """
    added = [plus(even), plus(odd)] * 2
    least = [low + even, low + odd] * 2
    full, rest = divmod(n_in, QUAD)
    texts = {f"in_{k}": f"in[4u * i{f' + {k}u' if k else ''}]{added[k]}" for k in range(QUAD)}
    last = [f"in[{QUAD * full + k}]{added[k]}" if k < rest else str(least[k]) for k in range(QUAD)]
    return {
        **texts,
        "full_quads": full,
        "last_quad": [", ".join(last)] if rest else [],
        "last_pair": 2 * full,
    }


def _saturation(low: int, high: int) -> dict[str, Any]:
    """Return the instruction that keeps a sum in these limits, "" if there is none."""
    bits = (high + 1).bit_length() - 1
    is_power = high + 1 == 1 << bits
    if is_power and low == 0 and bits:
        return {"saturate": "usat", "bits": bits}
    if is_power and low == -high - 1:
        return {"saturate": "ssat", "bits": bits + 1}
    return {"saturate": "", "bits": 0}
