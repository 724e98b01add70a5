"""What an export was asked to be besides right: which kernels it has, and how wide its sums are.

None of it changes what a given graph computes; the 16-bit sums of a layer are proved by its bounds.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

# What a user wants most of a header: few bytes of flash, few instructions, or as many for every
# input.
GOALS = ("size", "balanced", "speed", "constant-time")
DEFAULT_GOAL = "size"
SUM_BITS = (16, 32)


@dataclass(frozen=True)
class LaneChoice:
    """How wide the final sums of one layer are, and what 16 bits cost there."""

    node: str
    lanes: int  # bits: 16, or 32 where 16 cost too much
    limit: int  # largest byte that the layer reads
    cost: float | None  # error that 16 bits add to the outputs, in their standard deviations;
    # None: no weights would fit

    def __post_init__(self) -> None:
        texts = isinstance(self.node, str) and type(self.limit) is int
        known = self.cost is None or (isinstance(self.cost, float) and math.isfinite(self.cost))
        if not (texts and known) or self.lanes not in SUM_BITS:
            raise ValueError(f"the sums of a layer have {self.lanes!r} bits at {self.cost!r}")


@dataclass(frozen=True)
class Choices:
    """The goal that kernels were chosen for, and what each layer got where 16 bits were asked."""

    goal: str = DEFAULT_GOAL
    lanes: tuple[LaneChoice, ...] = ()

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise ValueError(f"goal {self.goal!r} is none of {', '.join(GOALS)}")


DEFAULT_CHOICES = Choices()


def choices_document(choices: Choices) -> dict[str, Any]:
    """Return what an artifact stores; nothing for the default, as before there was a choice."""
    document: dict[str, Any] = {}
    if choices.goal != DEFAULT_GOAL:
        document["goal"] = choices.goal
    if choices.lanes:
        document["lanes"] = [asdict(lane) for lane in choices.lanes]
    return document


def read_choices(document: dict[str, Any]) -> Choices:
    """Return what an artifact stores; raises TypeError or ValueError for anything else."""
    lanes = tuple(LaneChoice(**lane) for lane in document.get("lanes", ()))
    return Choices(document.get("goal", DEFAULT_GOAL), lanes)
