"""Linear layers on AVR as straight code: each weight is a number in an instruction."""

from __future__ import annotations

from typing import Any

from pyexport.codegen.kernels import linear_acc16

HELPERS = linear_acc16.HELPERS
TERMS = "ops/terms16_avr.h.j2"
CLOBBERED = 11  # registers that the first line of them names
MOST_TEXT = 31_000  # bytes of a statement's terms: newer compilers take strings of 32,767
INPUT_TEXT, TERM_TEXT = 32, 49  # bytes of the assembly of an input and of a term, at most
PER_LINE = 4  # terms of an input


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    weights, biases = _weights(params), params["biases"].split()
    blocks, at = [], 0
    for size in map(int, params["blocks"].split()):
        rows = slice(at, at + size)
        blocks += _statements(params, at, weights[rows], biases[rows])
        at += size
    return {**linear_acc16.common_values(params), "blocks": blocks}


def helper_values(params: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the macros that all such layers share."""
    pairs = [
        {"at": k, "low": f"r{r}", "high": f"r{r + 1}"} for k, r in enumerate(linear_acc16.REGISTERS)
    ]
    names = [f'"{pair[half]}"' for pair in pairs for half in ("low", "high")]
    clobbers = [", ".join(names[:CLOBBERED]), ", ".join(names[CLOBBERED:])]
    return ((TERMS, {"pairs": pairs, "clobbers": clobbers, "most": len(pairs)}),)


def _statements(
    params: dict[str, Any], first: int, rows: list[list[int]], biases: list[str]
) -> list[dict[str, Any]]:
    """Return the statements of a block, each with as many inputs as its text has room for."""
    n_in, size, kind = params["n_in"], len(rows), params["in_dtype"].upper()
    columns = list(zip(*rows, strict=True))
    count = -(-n_in // (MOST_TEXT // (INPUT_TEXT + size * TERM_TEXT)))
    step = -(-n_in // count)
    loads = [f"LOAD({k})" for k in range(size)] + [f"BACK({2 * size})"]
    return [
        {
            "from": at,
            "first": first,
            "last": first + size - 1,
            "starts": loads if at else [f"BIAS({k}, {bias})" for k, bias in enumerate(biases)],
            "inputs": [_lines(_terms(column, kind)) for column in columns[at : at + step]],
            "sums": list(range(size)),
        }
        for at in range(0, n_in, step)
    ]


def _weights(params: dict[str, Any]) -> list[list[int]]:
    """Return the weights (n_out, n_in)."""
    n_in = params["n_in"]
    flat = memoryview(bytes.fromhex(params["weights"])).cast("b").tolist()
    return [flat[at : at + n_in] for at in range(0, len(flat), n_in)]


def _terms(column: tuple[int, ...], kind: str) -> list[str]:
    """Return what an input adds to the sums of a block; equal products are made once."""
    used = sorted((abs(weight), k, weight) for k, weight in enumerate(column) if weight)
    terms, made = [], 0  # made: the weight of the last product
    for _, k, weight in used:
        if abs(weight) != abs(made):
            terms.append(f"W_{kind}({k}, {weight})")
            made = weight
        else:
            terms.append(f"{'ADD' if weight == made else 'SUB'}({k})")
    return terms


def _lines(terms: list[str]) -> list[dict[str, Any]]:
    rows = [terms[at : at + PER_LINE] for at in range(0, len(terms), PER_LINE)]
    return [{"first": row[0], "rest": row[1:]} for row in rows]
