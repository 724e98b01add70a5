"""What kernels cost on a target, as `scripts/measure_costs.py` measured it: costs/TARGET.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "costs"


@dataclass(frozen=True)
class CostTable:
    """The prices of one target, for one compiler and level."""

    target: str
    compiler: str  # "zig cc 0.17.1 (clang 22.1.8) -O2"
    unit: str  # "instructions" or "cycles"
    call: float  # of what stands around all kernels
    prices: Mapping[str, Mapping[str, float]]  # kernel -> count -> price
    stack: Mapping[str, int]  # kernel -> most bytes of stack beside the scratch
    code: Mapping[str, int]  # kernel -> bytes of code, typically
    decides: tuple[str, ...] = ()  # goals whose kernels it chooses; for others it is only printed

    def knows(self, kernel: str) -> bool:
        """Return whether a kernel was measured."""
        return kernel in self.prices

    def price(self, kernel: str, work: Mapping[str, float]) -> float | None:
        """Return what a kernel's counts cost together; None where one of them has no price."""
        known = self.prices.get(kernel)
        if known is None or not work.keys() <= known.keys():
            return None
        return sum(known[name] * count for name, count in work.items())


@cache
def read_costs(target: str) -> CostTable | None:
    """Return the table of a target; None without one."""
    path = FOLDER / f"{target}.json"
    if not path.is_file():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    kernels = document["kernels"]
    return CostTable(
        target=document["target"],
        compiler=document["compiler"],
        unit=document["unit"],
        call=float(document["call"]),
        prices={name: entry["prices"] for name, entry in kernels.items()},
        stack={name: entry["stack"] for name, entry in kernels.items()},
        code={name: entry["code"] for name, entry in kernels.items()},
        decides=tuple(document.get("decides", ())),
    )
