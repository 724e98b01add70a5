"""How the families of ATen operators are tabled: target -> function."""

from __future__ import annotations

from collections.abc import Callable

from pyexport.frontends.lowering import Lowering, Result
from pyexport.frontends.pt2 import Call

# Returns what a call computes; None if it only checks something.
Handler = Callable[[Lowering, Call], Result | None]
Table = dict[str, Handler]


def table(handler: Handler, *targets: str) -> Table:
    """Return the rows of one handler for operators named like "relu.default"."""
    return dict.fromkeys((f"aten.{target}" for target in targets), handler)
