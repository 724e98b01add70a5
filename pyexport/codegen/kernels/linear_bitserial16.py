"""Linear layers on cores that do not multiply: inputs and multipliers as signed digits."""

from typing import Any

from pyexport.codegen.loops import numbers
from pyexport.codegen.requantize import plus
from pyexport.codegen.text import C_TYPES, counter_type


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    clips_low = params["zero_point"] != params["low"]
    return {
        **shared_values(params),
        **lists_text(params["n_in"], params["digits"], params["index"]),
        "low": params["low"],
        # a sum of 0 or less is the lower limit where that is the zero point, as after relu
        "below": "" if clips_low else f"acc <= 0 ? {params['low']} : ",
        "clips_low": clips_low,
        "zero_point": plus(params["zero_point"]),
    }


def lists_text(n_in: int, digits: int, index: str) -> dict[str, Any]:
    """Return what the templates print that list the inputs by their digits."""
    extent = n_in + 1  # entries of a list: each input once, and a 0
    return {
        "index": C_TYPES[index],
        "lists": [
            {"digit": d, "first": d * extent, "last": d * extent + extent - 1}
            for d in range(digits)
        ],
        "neighbors": _neighbors(digits),
        "sole": [_digit(digits - 1)] if digits % 2 else [],
        "extent": extent,
        "greatest": (digits - 1) * extent,
        "digit_count": digits,
    }


def shared_values(params: dict[str, Any]) -> dict[str, Any]:
    """Return what kernels print whose products are masked or shifted words: blocks and outputs."""
    n_in, n_out, block = (params[k] for k in ("n_in", "n_out", "block"))
    full, rest = divmod(n_out, block)
    sizes = [(full, block), (min(rest, 1), rest)]
    parts, pairs = [], 0
    for count, size in sizes:
        if count:
            words = -(-size // 2)
            parts.append(
                {"count": count, "size": size, "words": words, "sums": list(range(words)),
                 "places": list(range(pairs, pairs + words)), "first": pairs * n_in,
                 "step": words * n_in}
            )  # fmt: skip
            pairs += count * words
    return {
        "note": _note(params),
        "n_in": n_in,
        "n_out": n_out,
        "in_type": C_TYPES[params["in_dtype"]],
        "out_type": C_TYPES[params["out_dtype"]],
        "counter": counter_type(n_in),
        "digit_count": params["digits"],
        "pairs": pairs,
        "words": pairs * n_in,
        "parts": parts,
        "outputs": _outputs(params),
        "high": params["high"],
    }


def _digit(at: int) -> dict[str, Any]:
    return {"at": at, "mask": f"0x{1 << at:x}u"}


def _neighbors(digits: int) -> list[dict[str, Any]]:
    """Return digits in twos: of two neighbors at most one is not 0."""
    return [
        {"mask": f"0x{3 << at:x}u", "low": _digit(at), "high": _digit(at + 1)}
        for at in range(0, digits - 1, 2)
    ]


def _outputs(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return where each output's sum lies, and its scaling without a multiplication."""
    block, outputs = params["block"], []
    shifts, multipliers = numbers(params["shifts"]), numbers(params["multipliers"])
    words = -(-block // 2)
    for o, (shift, multiplier) in enumerate(zip(shifts, multipliers, strict=True)):
        outputs.append(
            {
                "at": o,
                "word": o // block * words + o % block // 2,
                "is_even": o % block % 2 == 0,
                "product": shifted_sum(multiplier),
                "half": f"0x{1 << (shift - 1):x}u",
                "shift": shift,
            }
        )
    return outputs


def signed_digits(value: int) -> list[tuple[int, int]]:
    """Return the canonical signed digits of a number as (sign, exponent), the greatest first."""
    tripled = 3 * value
    found = []
    for exponent in reversed(range(tripled.bit_length())):
        bit = 2 << exponent
        if (tripled ^ value) & bit:
            found.append((1 if tripled & bit else -1, exponent))
    return found


def shifted_sum(multiplier: int) -> str:
    """Return C text of a * multiplier, of shifts and sums alone."""
    text = ""
    for sign, exponent in signed_digits(multiplier):
        term = f"(a << {exponent})" if exponent else "a"
        text += (f" {'+' if sign > 0 else '-'} " if text else "") + term
    return text or "0u"


def _note(params: dict[str, Any]) -> str:
    shifts = sorted(set(numbers(params["shifts"])))
    scaled = f"acc * multiplier / 2^{shifts[0] if len(shifts) == 1 else 'shift'}"
    if params["zero_point"]:
        scaled += f" + ({params['zero_point']})"
    return (
        f"linear, {params['n_in']} {params['in_dtype']} -> {params['n_out']} "
        f"{params['out_dtype']}, without a multiplication: out = {scaled}, halves up, "
        f"in {params['low']}..{params['high']}"
    )
