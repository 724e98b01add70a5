"""Linear layers with two sums in a word, whose 4-bit weights lie eight in a word of flash.

A word holds the weights of four pairs of outputs: of the first in bits 0..3 and 16..19, of the
next 4 bits higher. A mask takes out one pair. Masks are saved where a sum takes more than its pair
and the rest is subtracted at the end: all are sums modulo 2**32.
"""

from typing import Any

from pyexport.codegen.kernels.linear_swar16 import HELPERS, common_values, note

__all__ = ["HELPERS", "values"]

LANES = 8  # outputs whose weights share a word
OFFSET = 8  # that each weight is stored larger
FEW_BLOCKS = 2  # of which each adds up the inputs that are not 0, beside its sums

# What the sums of a word of weights take of it, and what is then subtracted from which.
PLAIN = (
    ("v", "((v >> 4) & 0x000F000Fu)", "((v >> 8) & 0x000F000Fu)", "((v >> 12) & 0x000F000Fu)"),
    ((0, ((1, 4), (2, 8), (3, 12))),),
)
NESTED = (
    ("v", "h", "((v >> 8) & 0x00FF00FFu)", "((h >> 8) & 0x00FF00FFu)"),
    ((2, ((3, 4),)), (1, ((3, 8),)), (0, ((1, 4), (2, 8), (3, 12)))),
)


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    common = common_values(params, LANES)
    nested = bool(params["nested"])
    taken, subtracted = NESTED if nested else PLAIN
    for part in common["parts"]:
        part["nested"] = nested and len(part["sums"]) > 1
        part["subtracted"] = _subtracted(len(part["sums"]), subtracted)
        for word in (word for source in part["inputs"] for word in source["loads"]):
            for term, weights in zip(word["terms"], taken, strict=False):
                term["weights"] = weights
            word["odd"] = [len(word["terms"])] if nested and len(word["terms"]) > 1 else []
    each_block = sum(part["count"] for part in common["parts"]) <= FEW_BLOCKS
    how = "two sums in a word, eight weights of 4 bits in one of flash"
    return {
        **common,
        "each_block": each_block,
        "note": note(params, how),
        "offset": f"UINT32_C(0x{OFFSET * 0x10001:08X})",
    }


def _subtracted(pairs: int, rules: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Return, of each word of weights, what to subtract from its sums, in order."""
    each = LANES // 2
    found = []
    for first in range(0, pairs, each):
        for sum_, others in rules:
            terms = [f"(s{first + k} << {bits})" for k, bits in others if first + k < pairs]
            if terms:
                found.append({"sum": first + sum_, "others": " + ".join(terms)})
    return found
