"""Linear layers with two sums in a word, over a list of the inputs that are not zero."""

from typing import Any

from pyexport.codegen.event_blocks import UNROLLED, event_block
from pyexport.codegen.kernels.linear_swar16 import note
from pyexport.codegen.requantize import plus
from pyexport.codegen.text import C_TYPES, counter_type

HELPERS = ()
SUMS = "ops/sums16_list.h.j2"


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    n_in, n_out, shift = params["n_in"], params["n_out"], params["shift"]
    blocks, pairs = params["blocks"], params["pairs"]
    rest = n_out - (blocks - 1) * 2 * pairs  # outputs of the last block
    sizes = [(blocks, rest)] if rest == 2 * pairs else [(blocks - 1, 2 * pairs), (1, rest)]
    padded = -(-n_in // UNROLLED) * UNROLLED
    return {
        "n_in": n_in,
        "n_out": n_out,
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "counter": counter_type(max(n_in, n_out)),
        "pairs": pairs,
        "starts": blocks * pairs,
        "words": blocks * pairs * n_in,
        "block_words": pairs * n_in,
        "stride": 4 * pairs,
        "space": pairs + 2 * padded,
        "padding": 2 * UNROLLED - 1,
        "sums": _function(params),
        "parts": [
            {
                "count": count,
                "outputs": outputs,
                "whole_pairs": outputs // 2,
                "is_odd": bool(outputs % 2),
            }
            for count, outputs in sizes
            if count
        ],
        "own_shift": not shift,
        "half": f"INT32_C({1 << (shift - 1)})" if shift else "(INT32_C(1) << (s - 1))",
        "shift": shift or "s",
        "of_even": "" if shift else ", PYEXPORT_READ_U8(&shift[o])",
        "of_odd": "" if shift else ", PYEXPORT_READ_U8(&shift[o + 1u])",
        "zero_point": plus(params["zero_point"]),
        "low": params["low"],
        "high": params["high"],
        "note": note({**params, "skips": True}, "two sums in a word, a list of inputs"),
    }


def helper_values(params: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the function that layers share whose blocks have as many sums."""
    core, pairs = params["core"], params["pairs"]
    lines = event_block(core, pairs) if core else ()
    shown = {"function": _function(params), "pairs": pairs, "sums": list(range(pairs))}
    return ((SUMS, {**shown, "lines": lines}),)


def _function(params: dict[str, Any]) -> str:
    return f"sums_of_list{params['pairs']}"
