"""Spiking layers: an encoder, leaky integrate-and-fire neurons, a readout.

    net = Sequential(
        Encode("direct", 4), Linear(64, 64), Lif(), Linear(64, 10), Lif(), Readout("count")
    )

The encoder makes T time steps of an input, the readout one vector of them; what lies between works
on one step after the other. A spike is 1.0. Its derivative is 0 or infinite, so training takes
that of an arctangent instead (Fang et al. 2021, "Incorporating learnable membrane time constant"):
1 / (1 + (pi (u - threshold))^2). What a reset takes away counts as a constant.

docs/arithmetic.md, "Spiking layers", has the same layers in integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from pyexport.errors import UsageError
from pyexport.scratch.layers import Linear, Vector
from pyexport.scratch.steps import Steps

ENCODINGS = ("direct", "rate", "latency")
RESETS = ("subtract", "carry", "zero", "none")
COMPARISONS = ("gt", "ge")
METHODS = ("count", "membrane_mean", "membrane_last", "first_spike")
MAX_STEPS = 255


class Encode:
    """Makes `steps` time steps of one input.

    direct: the input itself, at each step. rate: a number of spikes in proportion to where the
    input lies in low..high, evenly spread; an accumulator starts at half a spike. latency: one
    spike, at the first step for `high`, later for less, and none for `low`. Inputs beyond the range
    count as its ends.

    Derivatives go straight through: a spike is taken for how far the input is up its range (rate),
    or for how much sooner than in the middle of the steps it comes (latency).
    """

    def __init__(
        self, encoding: str = "direct", steps: int = 4, low: float = 0.0, high: float = 1.0
    ) -> None:
        _choice("encoding", encoding, ENCODINGS)
        if steps != int(steps) or not 1 <= steps <= MAX_STEPS:
            raise UsageError(f"Encode: steps is {steps}; use a whole number, 1 to {MAX_STEPS}")
        if not (math.isfinite(high - low) and low < high):
            raise UsageError(f"Encode: the range is {low} to {high}; give a low below a high")
        self.encoding = encoding
        self.steps = int(steps)
        self.low = low
        self.high = high

    def forward(self, x: Vector, training: bool) -> Steps:
        if self.encoding == "direct":
            return Steps([x] * self.steps)
        span, last = self.high - self.low, self.steps - 1
        above = [min(max(number - self.low, 0.0), span) for number in x.data]
        inside = [1.0 / span if self.low <= number <= self.high else 0.0 for number in x.data]
        if self.encoding == "rate":
            return Steps([x.straight_through(spikes, inside) for spikes in self._rate(above, span)])
        sooner = [0.5 - step / last if last else 1.0 for step in range(self.steps)]
        return Steps(
            [
                x.straight_through(spikes, [weight * slope for slope in inside])
                for spikes, weight in zip(self._latency(above, span), sooner, strict=True)
            ]
        )

    def _rate(self, above: Sequence[float], span: float) -> list[list[float]]:
        """Return the spikes of each step: those of an accumulator that overflows at span."""
        sums = [span / 2.0] * len(above)
        trains = []
        for _ in range(self.steps):
            sums = [kept + number for kept, number in zip(sums, above, strict=True)]
            spikes = [float(kept >= span) for kept in sums]
            sums = [kept - span * spike for kept, spike in zip(sums, spikes, strict=True)]
            trains.append(spikes)
        return trains

    def _latency(self, above: Sequence[float], span: float) -> list[list[float]]:
        """Return the spikes of each step: (span - number) / span of the way, halves later."""
        last = self.steps - 1
        times = [
            math.floor((span - number) * last / span + 0.5) if number > 0.0 else self.steps
            for number in above
        ]
        return [[float(time == step) for time in times] for step in range(self.steps)]


class Lif:
    """Leaky integrate-and-fire neurons, one for each output of the Linear before.

    At each step the membrane is u = beta u + current; it fires where u > threshold (compare="ge":
    where it reaches it). reset, after a spike: "subtract" the threshold, start from "zero"
    (v_reset) or "none"; with reset_delay that happens in the next step, as snnTorch does it,
    without in the same one ("carry" is "subtract" as snnTorch then does it: see
    pyexport/operators/spiking.py). alpha above 0: the current is a synapse's, i = alpha i + input.
    refractory: steps after a spike in which a neuron keeps its membrane and does not fire.
    """

    def __init__(
        self,
        beta: float = 0.875,
        threshold: float = 1.0,
        alpha: float = 0.0,
        reset: str = "subtract",
        reset_delay: bool = True,
        compare: str = "gt",
        v_reset: float = 0.0,
        refractory: int = 0,
    ) -> None:
        for name, share in (("beta", beta), ("alpha", alpha)):
            if not 0.0 <= share <= 1.0:
                raise UsageError(f"Lif: {name} is {share}; use a number of 0 to 1")
        if not (math.isfinite(threshold) and threshold > 0.0):
            raise UsageError(f"Lif: the threshold is {threshold}; use a positive number")
        _choice("reset", reset, RESETS)
        _choice("compare", compare, COMPARISONS)
        if type(reset_delay) is not bool:
            raise UsageError(f"Lif: reset_delay is {reset_delay!r}; use True or False")
        if refractory != int(refractory) or not 0 <= refractory <= MAX_STEPS:
            raise UsageError(f"Lif: refractory is {refractory}; use steps, 0 to {MAX_STEPS}")
        if refractory and (reset_delay or reset == "carry"):
            raise UsageError(
                "Lif: a refractory time needs the reset in the same step; give reset_delay=False"
            )
        if reset == "carry" and reset_delay:
            raise UsageError('Lif: reset="carry" comes in the same step; give reset_delay=False')
        if not math.isfinite(v_reset) or (v_reset and (reset_delay or reset != "zero")):
            raise UsageError(
                f'Lif: v_reset is {v_reset}; other than 0 it needs reset="zero" in the same step'
                " (reset_delay=False)"
            )
        if v_reset >= threshold:
            raise UsageError(f"Lif: v_reset {v_reset} reaches the threshold {threshold}; lower it")
        self.beta = beta
        self.threshold = threshold
        self.alpha = alpha
        self.reset = reset
        self.reset_delay = reset_delay
        self.compare = compare
        self.v_reset = v_reset
        self.refractory = int(refractory)

    def forward(self, x: Vector, training: bool) -> Steps:
        if not isinstance(x, Steps):
            raise UsageError("a Lif has no time steps to work on; put an Encode in front")
        n = len(x.parts[0].data)
        synapse: Vector | None = None
        membrane: Vector | None = None
        waits = [0] * n
        spikes: list[Vector] = []
        membranes: list[Vector] = []
        for part in x.parts:
            if self.alpha:
                part = part if synapse is None else synapse.leak([self.alpha] * n, part, None)
                synapse = part
            before = [0.0] * n if membrane is None else self._fires(membrane.data)
            charged = self._charge(membrane, part, before, waits)
            fired = charged.spike(self.threshold, self.compare)
            if any(waits):
                fired = fired.scale([0.0 if wait else 1.0 for wait in waits])
            membrane = self._reset(charged, fired.data, before)
            if self.refractory:
                pairs = zip(waits, fired.data, strict=True)
                waits = [self.refractory if s else max(wait - 1, 0) for wait, s in pairs]
            spikes.append(fired)
            membranes.append(membrane)
        return Steps(spikes, membranes)

    def _fires(self, membrane: Sequence[float]) -> list[float]:
        reached = self.compare == "ge"
        return [float(u >= self.threshold if reached else u > self.threshold) for u in membrane]

    def _charge(
        self,
        membrane: Vector | None,
        current: Vector,
        before: Sequence[float],
        waits: Sequence[int],
    ) -> Vector:
        """Return the membranes that firing tests; before: what has fired in the last step."""
        if membrane is None:
            return current
        factors, constants = [self.beta] * len(waits), None
        if self.reset == "carry" or (self.reset_delay and self.reset == "subtract"):
            constants = [-self.threshold * fired for fired in before]
        elif self.reset_delay and self.reset == "zero":
            factors = [self.beta * (1.0 - fired) for fired in before]
        if any(waits):
            factors = [1.0 if wait else f for wait, f in zip(waits, factors, strict=True)]
            current = current.scale([0.0 if wait else 1.0 for wait in waits])
        return membrane.leak(factors, current, constants)

    def _reset(self, charged: Vector, fired: Sequence[float], before: Sequence[float]) -> Vector:
        """Return the membranes as the step leaves them."""
        if self.reset_delay or self.reset == "none":
            return charged
        if self.reset == "zero":
            return charged.leak([1.0 - s for s in fired], None, [self.v_reset * s for s in fired])
        lost = before if self.reset == "carry" else [0.0] * len(fired)
        constants = [-self.threshold * (s - r) for s, r in zip(fired, lost, strict=True)]
        return charged.leak([1.0] * len(fired), None, constants)


class Readout:
    """Makes one vector of the spikes and membranes of the Lif before.

    count: how many spikes. first_spike: steps from the first spike to the end, it included; 0
    without any. To both comes a number in 0..1 that breaks ties, 1/2 + s / (2 + 2 |s|) where s is
    the sum of the membranes. membrane_mean, membrane_last: of the membranes.
    """

    def __init__(self, method: str = "count") -> None:
        _choice("method", method, METHODS)
        self.method = method

    def forward(self, x: Vector, training: bool) -> Vector:
        if not isinstance(x, Steps) or not x.membranes:
            raise UsageError("a Readout reads what a Lif fires; put one in front of it")
        if self.method == "membrane_last":
            return x.membranes[-1]
        total = _total(x.membranes)
        if self.method == "membrane_mean":
            return total.scale([1.0 / len(x.parts)] * len(total.data))
        whole = _total(x.parts) if self.method == "count" else _first(x.parts)
        return total.squash().leak([1.0] * len(total.data), whole, None)


def _total(parts: Sequence[Vector]) -> Vector:
    """Return the sum of some vectors."""
    total, ones = parts[0], [1.0] * len(parts[0].data)
    for part in parts[1:]:
        total = total.leak(ones, part, None)
    return total


def _first(parts: Sequence[Vector]) -> Vector:
    """Return the steps left at each first spike; a spike pulls as if it were the first."""
    steps = len(parts)
    left = [[(steps - t) * s for s in part.data] for t, part in enumerate(parts)]
    n = len(left[0])
    shares = [part.scale([1.0 - t / steps] * n) for t, part in enumerate(parts)]
    return _total(shares).straight_through(
        [max(column) for column in zip(*left, strict=True)], [1.0] * n
    )


def check_spiking(layers: Sequence[object]) -> None:
    """Raise UsageError unless spiking layers stand where they have something to work on."""
    inside = False
    for before, layer in pairwise((None, *layers)):
        if isinstance(layer, Lif) and not (inside and isinstance(before, Linear)):
            raise UsageError("a Lif fires on the currents of a Linear; put one in front of it")
        if isinstance(layer, Readout) and not isinstance(before, Lif):
            raise UsageError("a Readout reads what a Lif fires; put one in front of it")
        if isinstance(layer, Encode):
            if inside:
                raise UsageError("a second Encode before the first one's Readout; leave it out")
            inside = True
        elif isinstance(layer, Readout):
            inside = False
    if inside:
        raise UsageError("the network ends in several time steps; put a Readout behind the last")


def _choice(what: str, given: object, choices: Sequence[str]) -> None:
    if given not in choices:
        raise UsageError(f"no {what} {given!r}; use one of {', '.join(choices)}")
