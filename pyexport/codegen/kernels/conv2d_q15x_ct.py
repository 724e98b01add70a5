"""Integer convolutions of any sums in as many steps for every input."""

from typing import Any

from pyexport.codegen import steady
from pyexport.codegen.kernels import conv2d_q15x


def helper_values(params: dict[str, Any]) -> tuple[steady.Helper, ...]:
    """Return the templates that the kernel calls, with their variables."""
    return (("ops/apart.h.j2", {}), *steady.helper_values(params))


def values(params: dict[str, Any]) -> dict[str, Any]:
    """Return the template's variables."""
    plain = conv2d_q15x.values(params)
    shifted = conv2d_q15x.values({**params, "zero_point": 0})["rounded"]
    limits = steady.limit_values(params)
    return {
        **plain,
        **limits,
        "scaled": plain["scaled"].replace("_scale(", "_scale_ct(", 1),
        "rounded": f"{shifted}{limits['above_low']}",
        "note": f"{plain['note']}; as many steps for every input",
    }
