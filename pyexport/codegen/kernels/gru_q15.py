"""GRU."""

from typing import Any

from pyexport.codegen.recurrent import HELPERS as SHARED
from pyexport.codegen.recurrent import recurrent_text, steps_of

HELPERS = (*SHARED, "ops/upper_q15.h.j2")


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    p = params
    return {
        **recurrent_text(p, 3),
        "note": f"gru, {steps_of(p)} of {p['n_in']} {p['in_dtype']}, {p['n']} hidden: "
        "h in 2^-7, state in 2^-15",
    }
