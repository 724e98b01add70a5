"""What an export was asked to be besides right: its kernels, how wide its sums and weights are.

None of it changes what a given graph computes: 16-bit sums are proved by a layer's bounds, and
weights of 4 bits are weights like others.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from pyexport.program import is_internal_name

# What a user wants most of a header: few bytes of flash, few instructions, or as many for every
# input.
GOALS = ("size", "balanced", "speed", "constant-time")
DEFAULT_GOAL = "size"
SUM_BITS = (16, 32)
WEIGHT_BITS = (4, 8)
EXACT = 1e-5  # of the weights: less is a float32 that was scaled


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
class WeightChoice:
    """A layer whose weights have fewer than 8 bits, and how far rounding moved them."""

    node: str
    bits: int
    error: float  # root mean square, of that of the weights; about 1e-8 if they lay on the grid

    def __post_init__(self) -> None:
        known = isinstance(self.error, float) and math.isfinite(self.error)
        if not (isinstance(self.node, str) and known) or self.bits != 4:
            raise ValueError(f"the weights of a layer have {self.bits!r} bits at {self.error!r}")

    @property
    def is_exact(self) -> bool:
        """Whether the weights came through as they were, but for the last bits of a float32."""
        return self.error < EXACT


@dataclass(frozen=True)
class Choices:
    """The goal that kernels were chosen for, and what each layer got where fewer bits were asked.

    Of its sums, and of its weights.
    """

    goal: str = DEFAULT_GOAL
    lanes: tuple[LaneChoice, ...] = ()
    layers: tuple[tuple[str, str], ...] = ()  # (node, goal) of layers with a goal of their own
    kernels: tuple[str, ...] = ()  # taken wherever they match, whatever the goal; first ones first
    weights: tuple[WeightChoice, ...] = ()
    chosen: tuple[tuple[str, str], ...] = ()  # (node, kernel) where measured costs decided

    def __post_init__(self) -> None:
        for goal in (self.goal, *(goal for _, goal in self.layers)):
            if goal not in GOALS:
                raise ValueError(f"goal {goal!r} is none of {', '.join(GOALS)}")
        names = [node for node, _ in self.layers]
        names += [name for pair in self.chosen for name in pair]
        if not all(map(is_internal_name, (*self.kernels, *names))):
            raise ValueError("the choices hold something else than names of kernels and layers")

    @property
    def weight_bits(self) -> dict[str, int]:
        """Bits of the weights by node; others have 8."""
        return {one.node: one.bits for one in self.weights}

    def goal_of(self, node: str) -> str:
        """Return the goal of a node's kernel."""
        return dict(self.layers).get(node, self.goal)


DEFAULT_CHOICES = Choices()


def choices_document(choices: Choices) -> dict[str, Any]:
    """Return what an artifact stores; nothing for the default, as before there was a choice."""
    document: dict[str, Any] = {}
    if choices.goal != DEFAULT_GOAL:
        document["goal"] = choices.goal
    if choices.lanes:
        document["lanes"] = [asdict(lane) for lane in choices.lanes]
    if choices.layers:
        document["layer_goals"] = dict(choices.layers)
    if choices.kernels:
        document["kernels"] = list(choices.kernels)
    if choices.weights:
        document["weights"] = [asdict(one) for one in choices.weights]
    if choices.chosen:
        document["chosen_kernels"] = dict(choices.chosen)
    return document


def read_choices(document: dict[str, Any]) -> Choices:
    """Return what an artifact stores; raises TypeError or ValueError for anything else."""
    lanes = tuple(LaneChoice(**lane) for lane in document.get("lanes", ()))
    layers = tuple(dict(document.get("layer_goals", {})).items())
    kernels = tuple(document.get("kernels", ()))
    weights = tuple(WeightChoice(**one) for one in document.get("weights", ()))
    chosen = tuple(dict(document.get("chosen_kernels", {})).items())
    goal = document.get("goal", DEFAULT_GOAL)
    return Choices(goal, lanes, layers, kernels, weights, chosen)
