"""The definition of spiking layers: neurons, encoders and readouts, step by step."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.fixedpoint import clamp, round_shift_right
from pyexport.simulator.exact.base import Evaluated, Layer, Values

SUM_LIMIT = (1 << 30) - 1
MIDDLE = 32768  # of scores that can be negative


@dataclass(frozen=True)
class LifLayer(Layer):
    """Neurons: a weighted sum each step, charge, fire and reset."""

    weight: list[list[int]]  # [neuron][input]
    bias: list[int]
    threshold: list[int]
    leak: list[int]
    synaptic: list[int]  # empty without a synaptic current
    v_reset: list[int]
    steps: int
    fraction: int
    shift_leak: bool
    shift_synaptic: bool
    reset: str
    reset_delay: bool
    compare: str
    refractory: int
    low: int
    high: int
    synaptic_limit: int
    membranes: bool
    stateful: bool

    def fired(self, u: int, k: int) -> int:
        """Return 1 if a membrane is above its neuron's threshold, as the layer compares."""
        return int(u > self.threshold[k] or (self.compare == "ge" and u == self.threshold[k]))

    def current(self, x: Values, k: int) -> int:
        """Return what one step brings to a neuron."""
        total = 0
        for weight, value in zip(self.weight[k], x, strict=True):
            total += weight * value
        return (total << self.fraction) + self.bias[k]


def leaked(value: int, leak: int, by_shift: bool) -> int:
    """Return what a leak leaves: value - value / 2**leak, rounded up, or value * leak / 2**15."""
    return value - (value >> leak) if by_shift else (value * leak + (1 << 14)) >> 15


def lif(layer: LifLayer, x: Values, *states: Values) -> Evaluated:
    """Return spikes, membranes and states; the trace has the membranes that firing tested."""
    n = len(layer.bias)
    kept = [list(state) for state in states] if layer.stateful else [[0] * n, [0] * n, [0] * n]
    u = kept[0]
    current = kept[1] if layer.synaptic else [0] * n
    wait = kept[-1] if layer.refractory else [0] * n
    spikes: Values = []
    membranes: Values = []
    tested: Values = []
    for step in range(layer.steps):
        inputs = _step_of(layer, x, step)
        for k in range(n):
            current[k] = _current(layer, inputs, current[k], k)
            if wait[k]:
                wait[k] -= 1
                tested.append(u[k])
                spikes.append(0)
            else:
                before, spike, u[k] = _fire(layer, u[k], current[k], k)
                wait[k] = layer.refractory * spike
                tested.append(before)
                spikes.append(spike)
            membranes.append(u[k])
    last = [u, *([current] * bool(layer.synaptic)), *([wait] * bool(layer.refractory))]
    outputs = (spikes, membranes) if layer.membranes else (spikes,)
    return Evaluated((*outputs, *last) if layer.stateful else outputs, tested)


def _step_of(layer: LifLayer, x: Values, step: int) -> Values:
    """Return the inputs of a step: x itself, if it has no steps."""
    width = len(layer.weight[0])
    return x if len(layer.inputs[0].shape) == 1 else x[step * width : (step + 1) * width]


def _current(layer: LifLayer, x: Values, before: int, k: int) -> int:
    now = layer.current(x, k)
    if not layer.synaptic:
        return now
    limit = layer.synaptic_limit
    return clamp(leaked(before, layer.synaptic[k], layer.shift_synaptic) + now, -limit, limit)


def _fire(layer: LifLayer, u: int, current: int, k: int) -> tuple[int, int, int]:
    """Return the membrane that firing tests, the spike, and the membrane behind the step."""
    threshold = layer.threshold[k]
    starts = layer.reset_delay or layer.reset == "carry"  # with what the step before has fired
    r = layer.fired(u, k) if starts else 0
    left = 0 if r and layer.reset == "zero" else u
    charged = leaked(left, layer.leak[k], layer.shift_leak) + current
    if r and layer.reset == "zero" and layer.synaptic:
        charged = 0  # the current is lost, too
    if r and layer.reset in ("subtract", "carry"):
        charged -= threshold
    tested = clamp(charged, layer.low, layer.high)
    spike = layer.fired(tested, k)
    if layer.reset_delay or layer.reset == "none":
        return tested, spike, tested
    if layer.reset == "zero":
        return tested, spike, layer.v_reset[k] if spike else tested
    return tested, spike, clamp(tested - (spike - r) * threshold, layer.low, layer.high)


@dataclass(frozen=True)
class EncodeLayer(Layer):
    """Spikes from bytes."""

    limits: list[int]  # of latency: step t spikes for limits[t + 1] <= x < limits[t]
    encoding: str
    steps: int
    low: int
    high: int
    threshold: int
    stateful: bool


def encode(layer: EncodeLayer, x: Values, *states: Values) -> Evaluated:
    """Return the spikes, and the state."""
    make = {"rate": _rate, "latency": _latency, "delta": _delta}[layer.encoding]
    spikes, state = make(layer, x, list(states[0]) if layer.stateful else None)
    return Evaluated((spikes, state) if layer.stateful else (spikes,), [])


def _rate(layer: EncodeLayer, x: Values, state: Values | None) -> tuple[Values, Values]:
    """An accumulator gets twice the value each step; it spikes at twice the range, and loses it."""
    span = layer.high - layer.low
    filled = [span] * len(x) if state is None else state
    spikes: Values = []
    for _ in range(layer.steps):
        for k, value in enumerate(x):
            filled[k] += 2 * (clamp(value, layer.low, layer.high) - layer.low)
            spike = int(filled[k] >= 2 * span)
            filled[k] -= 2 * span * spike
            spikes.append(spike)
    return spikes, filled


def _latency(layer: EncodeLayer, x: Values, state: Values | None) -> tuple[Values, Values]:
    """A value spikes in the one step whose limits hold it; behind the last step nothing does."""
    step = 0 if state is None else state[0]
    last = len(layer.limits) - 1
    spikes: Values = []
    for _ in range(layer.steps):
        for value in x:
            now = step < last and layer.limits[step + 1] <= value < layer.limits[step]
            spikes.append(int(now))
        step = min(step + 1, last)
    return spikes, [step]


def _delta(layer: EncodeLayer, x: Values, state: Values | None) -> tuple[Values, Values]:
    """On and off events: a threshold or more above or below the last value that made one."""
    n = layer.inputs[0].shape[1]
    source = layer.inputs[0]
    start = clamp(source.zero_point, source.low, source.high)
    reference = [start] * n if state is None else state
    spikes: Values = []
    for step in range(layer.steps):
        values = x[step * n : (step + 1) * n]
        on = [int(v - r >= layer.threshold) for v, r in zip(values, reference, strict=True)]
        off = [int(r - v >= layer.threshold) for v, r in zip(values, reference, strict=True)]
        spikes += on + off
        reference = [
            v if a or b else r for v, r, a, b in zip(values, reference, on, off, strict=True)
        ]
    return spikes, reference


@dataclass(frozen=True)
class ReadoutLayer(Layer):
    """A score a class."""

    method: str
    whole: int
    shift: int
    stateful: bool


def readout(layer: ReadoutLayer, *tensors: Values) -> Evaluated:
    """Return the scores and the states; the trace has the sums of membranes."""
    takes_spikes = layer.method in ("count", "first_spike")
    membranes = tensors[1] if takes_spikes else tensors[0]
    steps, n = layer.inputs[0].shape
    states = [list(s) for s in tensors[1 + takes_spikes :]] if layer.stateful else []
    sums = states[0] if states else [0] * n
    counts = states[1] if len(states) > 1 else [0] * n  # or what a first spike is worth
    step = states[2][0] if len(states) > 2 else 0
    for t in range(steps):
        for k in range(n):
            u = membranes[t * n + k]
            if layer.method == "membrane_last":
                sums[k] = u
                continue
            sums[k] = clamp(sums[k] + u, -SUM_LIMIT, SUM_LIMIT)
            if layer.method == "count" and tensors[0][t * n + k]:
                counts[k] = min(counts[k] + 1, layer.whole)
            if layer.method == "first_spike" and tensors[0][t * n + k] and not counts[k]:
                counts[k] = layer.whole - step
        step = min(step + 1, layer.whole)
    scores = [_score(layer, total, count) for total, count in zip(sums, counts, strict=True)]
    return Evaluated((scores, *_kept(layer, sums, counts, step)), sums)


def _score(layer: ReadoutLayer, total: int, count: int) -> int:
    """Return a count above and the sum of membranes below; without a count the sum alone."""
    low = round_shift_right(total, layer.shift)
    if layer.method in ("membrane_mean", "membrane_last"):
        return clamp(low + MIDDLE, 0, 65535)
    bits = 16 - layer.whole.bit_length()
    return (count << bits) + clamp(low + (1 << (bits - 1)), 0, (1 << bits) - 1)


def _kept(layer: ReadoutLayer, sums: Values, counts: Values, step: int) -> list[Values]:
    if not layer.stateful or layer.method == "membrane_last":
        return []
    kept = {"count": [counts], "first_spike": [counts, [step]], "membrane_mean": []}
    return [sums, *kept[layer.method]]
