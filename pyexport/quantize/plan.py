"""What quantization is told beyond ranges: sums that must fit 16 bits, limits, bits of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_BYTE = 255


@dataclass(frozen=True)
class LanePlan:
    """Layers whose final sums must fit 16 bits, upper limits of unsigned tensors, weight bits."""

    narrow: frozenset[str] = frozenset()  # nodes
    limits: Mapping[str, int] = field(default_factory=dict)  # by tensor; others reach MAX_BYTE
    weights: Mapping[str, int] = field(default_factory=dict)  # bits by node; others have 8

    def limit(self, tensor: str) -> int:
        """Return the largest byte that a tensor may hold."""
        return self.limits.get(tensor, MAX_BYTE)


NO_PLAN = LanePlan()
