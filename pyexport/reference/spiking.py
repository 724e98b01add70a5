"""Spiking layers in float64, and surrogate gradients through their spikes.

A spike is a step function of its membrane; back through it goes 1 / (1 + (pi * (u - threshold))^2)
(snnTorch's arctangent). What a reset subtracts or sets counts as a constant, as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.ir import Array, Encode, FloatArray, Lif, Readout
from pyexport.reference.rule import Arrays, Rule


def surrogate(distance: FloatArray) -> FloatArray:
    """Return what the derivative of a spike is taken to be, this far above the threshold."""
    return np.asarray(1.0 / (1.0 + (np.pi * distance) ** 2))


@dataclass(frozen=True, eq=False)
class LifStep:
    """What one step computed; every array is (batch, n)."""

    kept: Array  # bool: refractory, so that nothing happened
    before: Array  # 0..1: what a reset at the start of the step let through to the leak
    taken: Array  # 0..1: what it let through of the current, too
    tested: FloatArray  # the membrane that firing tested
    spike: FloatArray  # 0 or 1
    after: Array  # 0..1: what a reset at the end of the step let through
    membrane: FloatArray  # as the step leaves it
    current: FloatArray  # synaptic
    count: FloatArray  # steps left in which the neuron is refractory


def fires(op: Lif, u: FloatArray) -> Array:
    """Return whether membranes are above their thresholds, as the operator compares."""
    return np.asarray(u > op.threshold if op.compare == "gt" else u >= op.threshold)


def lif_steps(op: Lif, inputs: Arrays) -> list[LifStep]:
    """Return what each step of the neurons computes."""
    x = inputs[0]
    first = dict(zip(op.states, inputs[1:], strict=True))
    none = np.zeros((1, op.size))
    u, current, count = (first.get(n, none) for n in ("membrane", "synaptic", "refractory"))
    beta, threshold = op.beta.astype(np.float64), op.threshold.astype(np.float64)
    subtracts = op.reset in ("subtract", "carry")
    starts = op.reset_delay or op.reset == "carry"  # with the reset of the step before
    steps = []
    for t in range(x.shape[1]):
        current = op.alpha * current + x[:, t] if op.alpha.size else x[:, t]
        kept = count > 0
        fired = fires(op, u) & starts
        before = np.where(fired & (op.reset == "zero"), 0.0, 1.0)
        taken = before if op.alpha.size else np.ones_like(before)
        tested = beta * (before * u) + taken * current
        if subtracts:
            tested = tested - fired * threshold
        spikes = fires(op, tested) & ~kept
        after, new = np.ones_like(tested), tested
        if not op.reset_delay and op.reset == "zero":
            after, new = np.where(spikes, 0.0, 1.0), np.where(spikes, op.v_reset, tested)
        elif not op.reset_delay and subtracts:
            new = tested - (spikes.astype(np.float64) - fired) * threshold
        tested = np.where(kept, u, tested)
        u = np.where(kept, u, new)
        count = np.where(spikes, op.refractory, np.maximum(count - 1.0, 0.0))
        spike = spikes.astype(np.float64)
        steps.append(LifStep(kept, before, taken, tested, spike, after, u, current, count))
    return steps


def _lif(op: Lif, inputs: Arrays, _fixed_order: bool) -> Arrays:
    steps = lif_steps(op, inputs)
    last = {
        "membrane": steps[-1].membrane,
        "synaptic": steps[-1].current,
        "refractory": steps[-1].count,
    }
    every = (np.stack([s.spike for s in steps], 1), np.stack([s.membrane for s in steps], 1))
    return (*every, *(last[name] for name in op.states))


def _lif_back(op: Lif, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    steps = lif_steps(op, inputs)
    last = dict(zip(op.states, gradients[2:], strict=True))
    none = np.zeros_like(gradients[2])
    on_u, on_current = last["membrane"], last.get("synaptic", none)
    on_x = np.zeros((len(gradients[0]), *inputs[0].shape[1:]))
    for t in reversed(range(len(steps))):
        s = steps[t]
        on_u = on_u + gradients[1][:, t]
        on_tested = on_u * s.after + gradients[0][:, t] * surrogate(s.tested - op.threshold)
        on_tested = np.where(s.kept, 0.0, on_tested)
        on_current = on_current + on_tested * s.taken
        on_x[:, t] = on_current
        on_u = np.where(s.kept, on_u, on_tested * s.before * op.beta)
        on_current = on_current * op.alpha if op.alpha.size else none
    back = {"membrane": on_u, "synaptic": on_current, "refractory": none}
    return (on_x, *(back[name] for name in op.states))


def _encode(op: Encode, inputs: Arrays, _fixed_order: bool) -> Arrays:
    x = inputs[0]
    if op.encoding == "direct":
        return (np.repeat(x[:, None], op.steps, axis=1),)
    if op.encoding == "delta":
        return _delta(op, x, inputs[1])
    span = op.high - op.low
    v = np.clip(x - op.low, 0.0, span)
    if op.encoding == "rate":
        return (_rate(op.steps, v, span),)
    first = np.floor((span - v) * (op.steps - 1) / span + 0.5)
    at = np.where(v > 0.0, first, op.steps)
    return ((at[:, None] == np.arange(op.steps)[:, None]).astype(np.float64),)


def _rate(steps: int, v: FloatArray, span: float) -> FloatArray:
    filled = np.full_like(v, span / 2.0)
    spikes = np.zeros((len(v), steps, v.shape[1]))
    for t in range(steps):
        filled = filled + v
        spikes[:, t] = filled >= span
        filled = filled - span * spikes[:, t]
    return spikes


def _delta(op: Encode, x: FloatArray, reference: FloatArray) -> Arrays:
    n = x.shape[2]
    events = np.zeros((len(x), op.steps, 2 * n))
    for t in range(op.steps):
        events[:, t, :n] = x[:, t] - reference >= op.threshold
        events[:, t, n:] = reference - x[:, t] >= op.threshold
        reference = np.where(events[:, t, :n] + events[:, t, n:] > 0.0, x[:, t], reference)
    return events, reference


def _encode_back(op: Encode, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    """Gradients straight through: a spike is taken to say how far v is up its range.

    direct: exact. rate: each spike stands for v / range. latency: a spike that comes earlier is as
    much as v / range. delta: x towards an "on", away from an "off", in thresholds.
    """
    on = gradients[0]
    if op.encoding == "direct":
        return (on.sum(axis=1),)
    if op.encoding == "delta":
        n = inputs[0].shape[2]
        return (on[:, :, :n] - on[:, :, n:]) / op.threshold, np.zeros((len(on), n))
    inside = (inputs[0] >= op.low) & (inputs[0] <= op.high)
    slope = on.sum(axis=1) if op.encoding == "rate" else _sooner(on)
    return (np.where(inside, slope, 0.0) / (op.high - op.low),)


def _sooner(on: FloatArray) -> FloatArray:
    """Return what a larger value gains if its spike moves towards the first step: (batch, n)."""
    steps = on.shape[1]
    weight = np.linspace(1.0, 0.0, steps) - 0.5 if steps > 1 else np.ones(1)
    return np.asarray((on * weight[:, None]).sum(axis=1))


def _readout(op: Readout, inputs: Arrays, _fixed_order: bool) -> Arrays:
    spikes, membranes = inputs
    if op.method == "membrane_mean":
        return (_in_order(membranes) / membranes.shape[1],)
    if op.method == "membrane_last":
        return (membranes[:, -1],)
    whole = _in_order(spikes) if op.method == "count" else _left(spikes)
    total = _in_order(membranes)
    return (whole + 0.5 + 0.5 * total / (1.0 + np.abs(total)),)


def _in_order(x: FloatArray) -> FloatArray:
    """Return the sum over the steps, first to last."""
    total = np.zeros_like(x[:, 0])
    for t in range(x.shape[1]):
        total = total + x[:, t]
    return total


def _left(spikes: FloatArray) -> FloatArray:
    """Return the steps from the first spike to the end, it included; 0 without any."""
    steps = spikes.shape[1]
    weights = np.arange(steps, 0, -1.0)
    return np.asarray((spikes * weights[:, None]).max(axis=1))


def _readout_back(op: Readout, inputs: Arrays, _outputs: Arrays, gradients: Arrays) -> Arrays:
    """first_spike: a spike counts as much as it would if it were the first."""
    spikes, membranes = inputs
    on, steps = gradients[0], membranes.shape[1]
    on_spikes, on_membranes = np.zeros_like(spikes), np.zeros_like(membranes)
    if op.method == "membrane_mean":
        on_membranes += on[:, None] / steps
    elif op.method == "membrane_last":
        on_membranes[:, -1] = on
    else:
        total = _in_order(membranes)
        on_membranes += (on * 0.5 / (1.0 + np.abs(total)) ** 2)[:, None]
        earlier = np.arange(steps, 0, -1.0) / steps if op.method == "first_spike" else 1.0
        on_spikes += on[:, None] * np.broadcast_to(earlier, (steps,))[:, None]
    return on_spikes, on_membranes


RULES = {
    Lif: Rule(_lif, _lif_back),
    Encode: Rule(_encode, _encode_back),
    Readout: Rule(_readout, _readout_back),
}
