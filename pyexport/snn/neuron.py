"""Leaky integrate-and-fire neurons over all steps in PyTorch, and their gradients by hand.

The order of float operations is snnTorch's: spikes and membranes equal its own bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyexport.operators.spiking import COMPARISONS, RESETS


@dataclass(frozen=True)
class Rule:
    """When a neuron fires, and what that does to its membrane."""

    reset: str  # "carry": "subtract" as snnTorch does it with reset_delay=False
    reset_delay: bool  # the reset of a spike comes with the next step
    compare: str  # fires above the threshold ("gt"), or at it too ("ge")
    v_reset: float  # the membrane after a reset to "zero" in the same step
    refractory: int  # steps without current after a spike

    def __post_init__(self) -> None:
        if self.reset not in RESETS or self.compare not in COMPARISONS:
            raise ValueError(
                f"lif: reset {self.reset!r} and compare {self.compare!r}; use one of "
                f"{', '.join(RESETS)} and one of {', '.join(COMPARISONS)}"
            )
        if self.reset_delay and self.reset == "carry":
            raise ValueError("lif: reset 'carry' needs reset_delay=False")
        if self.refractory and (self.reset_delay or self.reset == "carry"):
            raise ValueError(
                "lif: a refractory time needs reset_delay=False, and another reset than 'carry'"
            )
        if self.v_reset and (self.reset != "zero" or self.reset_delay):
            raise ValueError("lif: v_reset needs reset 'zero' and reset_delay=False")
        if self.refractory < 0:
            raise ValueError(f"lif: a refractory time of {self.refractory} steps; use 0 or more")

    def fired(self, u: Tensor, threshold: Tensor) -> Tensor:
        """Return 1 where a membrane fires, else 0."""
        return ((u > threshold) if self.compare == "gt" else (u >= threshold)).to(u.dtype)


def surrogate(distance: Tensor) -> Tensor:
    """Return the slope that stands for a spike's, of the membrane minus its threshold (arctan)."""
    return 1.0 / (1.0 + (math.pi * distance) ** 2)


@dataclass(frozen=True)
class _Step:
    """What a step knew and computed; every tensor is (batch, n)."""

    before: Tensor  # the membrane that the step found
    reset: Tensor  # 1 where it found one that fires, with a delayed reset
    current: Tensor  # the current after the synapse
    tested: Tensor  # the membrane that firing tested
    held: Tensor | None  # True where a refractory neuron waited
    spikes: Tensor
    after: Tensor  # the membrane that the step left


def steps(
    x: Tensor, beta: Tensor, threshold: Tensor, alpha: Tensor | None, rule: Rule
) -> list[_Step]:
    """Return what every step computes, for currents x (batch, steps, n)."""
    u = current = x.new_zeros(x.shape[0], x.shape[2])
    wait = u
    found = []
    for t in range(x.shape[1]):
        before = u
        current = x[:, t] if alpha is None else alpha * current + x[:, t]
        looks_back = rule.reset_delay or rule.reset == "carry"
        reset = rule.fired(before, threshold) if looks_back else torch.zeros_like(before)
        tested = _charge(before, current, reset, beta, threshold, alpha, rule)
        spikes = rule.fired(tested, threshold)
        held = None
        if rule.refractory:
            held = wait > 0
            spikes = torch.where(held, torch.zeros_like(spikes), spikes)
            wait = torch.where(held, wait - 1, spikes * rule.refractory)
        u = _settle(tested, spikes, reset, threshold, rule)
        if held is not None:
            u = torch.where(held, before, u)
        found.append(_Step(before, reset, current, tested, held, spikes, u))
    return found


def _charge(
    u: Tensor,
    current: Tensor,
    reset: Tensor,
    beta: Tensor,
    threshold: Tensor,
    alpha: Tensor | None,
    rule: Rule,
) -> Tensor:
    """Return the membrane that firing tests: leak, current, and the reset of the step before."""
    if rule.reset_delay and rule.reset == "zero":
        if alpha is None:
            return beta * ((1 - reset) * u) + current
        return (1 - reset) * (beta * u + current)
    charged = beta * u + current
    if rule.reset == "carry" or (rule.reset_delay and rule.reset == "subtract"):
        return charged - reset * threshold
    return charged


def _settle(tested: Tensor, spikes: Tensor, reset: Tensor, threshold: Tensor, rule: Rule) -> Tensor:
    """Return the membrane that a step leaves: reset at once where that is the rule."""
    if rule.reset_delay or rule.reset == "none":
        return tested
    if rule.reset == "zero":
        return torch.where(spikes > 0, torch.full_like(tested, rule.v_reset), tested)
    return tested - (spikes - reset) * threshold


@dataclass(frozen=True)
class Gradients:
    """Of a loss, on what went into a layer; each in the shape of its tensor."""

    x: Tensor
    beta: Tensor
    threshold: Tensor
    alpha: Tensor | None


def gradients(
    on_spikes: Tensor,
    on_membranes: Tensor,
    found: list[_Step],
    beta: Tensor,
    threshold: Tensor,
    alpha: Tensor | None,
    rule: Rule,
) -> Gradients:
    """Return the gradients back through all steps; a spike counts as constant in its reset."""
    on_u = torch.zeros_like(found[0].after)  # on the membrane that a step left
    on_current = torch.zeros_like(on_u)
    on_beta, on_threshold, on_alpha = (torch.zeros_like(on_u) for _ in range(3))
    on_x = []
    for t in reversed(range(len(found))):
        step = found[t]
        on_u = on_u + on_membranes[:, t]
        kept = on_u  # what reaches the membrane before, past a neuron that waits
        slope = on_spikes[:, t] * surrogate(step.tested - threshold)
        on_tested = on_u
        if not rule.reset_delay and rule.reset == "zero":
            on_tested = on_u * (1 - step.spikes)
        through_reset = torch.zeros_like(on_u)
        if not rule.reset_delay and rule.reset in ("subtract", "carry"):
            through_reset = -on_u * (step.spikes - step.reset)
        on_tested = on_tested + slope
        if rule.reset == "carry" or (rule.reset_delay and rule.reset == "subtract"):
            through_reset = through_reset - on_tested * step.reset
        through_reset = through_reset - slope
        if step.held is not None:
            on_tested = on_tested.masked_fill(step.held, 0.0)
            through_reset = through_reset.masked_fill(step.held, 0.0)
        delayed_zero = rule.reset_delay and rule.reset == "zero"
        cleared = (1 - step.reset) if delayed_zero else torch.ones_like(on_u)
        charged = on_tested * cleared
        on_beta = on_beta + charged * step.before
        on_threshold = on_threshold + through_reset
        on_current = on_current + (charged if alpha is not None else on_tested)
        on_x.append(on_current)
        on_u = charged * beta
        if step.held is not None:
            on_u = torch.where(step.held, kept, on_u)
        if alpha is None:
            on_current = torch.zeros_like(on_u)
        elif t > 0:
            on_alpha = on_alpha + on_current * found[t - 1].current
            on_current = on_current * alpha
    return Gradients(
        torch.stack(on_x[::-1], 1),
        _shaped(on_beta, beta),
        _shaped(on_threshold, threshold),
        None if alpha is None else _shaped(on_alpha, alpha),
    )


def _shaped(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Return the sum over the batch, and over the neurons that share one parameter."""
    return gradient.sum_to_size(parameter.shape)
