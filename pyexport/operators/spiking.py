"""Spiking layers: leaky integrate-and-fire neurons, what makes spikes, and what reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pyexport.operators.base import Array, Op, freeze, require

RESETS = ("subtract", "carry", "zero", "none")
COMPARISONS = ("gt", "ge")
ENCODINGS = ("direct", "rate", "latency", "delta")
READOUTS = ("count", "membrane_mean", "membrane_last", "first_spike")
MAX_STEPS = 4096
MAX_REFRACTORY = 255  # a count down is a byte


def _nothing() -> Array:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Lif(Op):
    """Inputs x (steps, n), states; outputs spikes and membranes (steps, n), the last states.

    Leaky integrate-and-fire neurons. States, in this order: membrane (n,), synaptic current (n,) if
    alpha, steps left to wait (n,) if refractory. Each step: i = alpha * i + x, without alpha i = x;
    then, with fired(u) = u > threshold (compare "gt") or u >= threshold ("ge"):

    reset_delay: r = fired(u); u = beta * u + i - r * threshold (reset "subtract"), beta * (1 - r) *
    u + i ("zero"; with alpha (1 - r) * (beta * u + i), so that the current is lost, too), or beta *
    u + i ("none"); spike = fired(u).
    else: u = beta * u + i; spike = fired(u); u -= spike * threshold ("subtract"), or u = v_reset
    where it fired ("zero"). "carry" is "subtract" as snnTorch does it: r = fired(u) before the
    leak, u = beta * u + i - r * threshold; spike = fired(u); u -= (spike - r) * threshold.

    For `refractory` steps behind a spike a neuron keeps its membrane and does not fire.
    """

    kind: ClassVar[str] = "lif"
    beta: Array  # (n,), 0..1: what a membrane keeps from step to step
    threshold: Array  # (n,), above 0
    alpha: Array = field(default_factory=_nothing)  # (n,), 0..1, or empty
    reset: str = "subtract"  # one of RESETS
    reset_delay: bool = True  # the reset of a spike comes in the next step
    compare: str = "gt"  # one of COMPARISONS
    v_reset: float = 0.0  # of a reset to "zero" in the same step
    refractory: int = 0

    def __post_init__(self) -> None:
        freeze(self, "beta", "threshold", "alpha")
        n = self.beta.shape
        require(len(n) == 1 and n[0] >= 1 and self.threshold.shape == n, "lif: sizes differ")
        require(self.alpha.shape in (n, (0,)), "lif: alpha has another size")
        for name in ("beta", "alpha"):
            values = getattr(self, name)
            inside = (values >= 0.0) & (values <= 1.0)  # false for a NaN
            require(bool(inside.all()), f"lif: {name} outside 0..1")
        positive = np.isfinite(self.threshold) & (self.threshold > 0.0)
        require(bool(positive.all()), "lif: a threshold that is not above 0")
        require(self.reset in RESETS, f"lif: reset {self.reset!r} is unknown")
        require(self.compare in COMPARISONS, f"lif: compare {self.compare!r} is unknown")
        waits = f"lif: refractory of {self.refractory} steps, not 0..{MAX_REFRACTORY}"
        require(0 <= self.refractory <= MAX_REFRACTORY, waits)
        _check_modes(self)

    @property
    def size(self) -> int:
        """Number of neurons n."""
        return len(self.beta)

    @property
    def states(self) -> tuple[str, ...]:
        """What is kept from step to step, in the order of inputs and outputs."""
        names = (
            "membrane",
            "synaptic" * bool(self.alpha.size),
            "refractory" * bool(self.refractory),
        )
        return tuple(name for name in names if name)


def _check_modes(op: Lif) -> None:
    hard = op.reset == "zero" and not op.reset_delay
    require(bool(np.isfinite(op.v_reset)), "lif: v_reset is not finite")
    require(hard or op.v_reset == 0.0, "lif: v_reset needs reset zero in the same step")
    below = bool((op.v_reset < op.threshold).all())
    require(below, "lif: v_reset is not below the threshold")
    require(op.reset != "carry" or not op.reset_delay, "lif: reset carry comes in the same step")
    waits = op.refractory == 0 or (not op.reset_delay and op.reset != "carry")
    require(waits, "lif: refractory needs a reset in the same step")


@dataclass(frozen=True)
class Encode(Op):
    """Inputs x (n,); outputs (steps, n); of delta x (steps, n), reference (n,); (steps, 2 n), (n,).

    direct: x in every step. With v = x - low, limited to 0..range, range = high - low: rate: an
    accumulator that starts at range / 2 gets v each step, spikes at range or more and then loses
    range. latency: one spike at step floor((range - v) * (steps - 1) / range + 1 / 2), none where v
    = 0. delta: an "on" (columns 0..n-1) where x - reference >= threshold, an "off" (columns
    n..2n-1) where reference - x >= threshold; either makes x the new reference.
    """

    kind: ClassVar[str] = "encode"
    encoding: str  # one of ENCODINGS
    steps: int  # of the spikes; of delta as many as x has
    low: float = 0.0
    high: float = 1.0
    threshold: float = 0.0  # of delta alone

    def __post_init__(self) -> None:
        require(self.encoding in ENCODINGS, f"encode: {self.encoding!r} is unknown")
        require(1 <= self.steps <= MAX_STEPS, f"encode: {self.steps} steps, not 1..{MAX_STEPS}")
        finite = bool(np.isfinite((self.low, self.high, self.threshold)).all())
        require(finite and self.low < self.high, f"encode: range {self.low:g}..{self.high:g}")
        wanted = self.threshold > 0.0 if self.encoding == "delta" else self.threshold == 0.0
        require(wanted, f"encode: a threshold of {self.threshold:g} for {self.encoding}")


@dataclass(frozen=True)
class Readout(Op):
    """Inputs spikes and membranes (steps, n); outputs (n,), scores: the largest wins.

    count: the number of spikes; first_spike: steps - (step of the first), 0 without any. Both plus
    a fraction in 0..1 that breaks ties: 1/2 + s / (2 + 2 |s|), s = sum of the membranes.
    membrane_mean, membrane_last: the mean over the steps, or the last.
    """

    kind: ClassVar[str] = "readout"
    method: str  # one of READOUTS

    def __post_init__(self) -> None:
        require(self.method in READOUTS, f"readout: {self.method!r} is unknown")
