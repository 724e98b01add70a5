"""Intervals of spiking layers: what a membrane can be after each step, whatever has fired."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyexport.ir import Encode, FloatArray, Lif
from pyexport.quantize.intervals.interval import Interval, hull


def lif(op: Lif, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return the bounds of spikes, membranes and states, step by step.

    A reset splits an interval at the threshold: what fired and what did not go on apart.
    """
    x, first = inputs[0], dict(zip(op.states, inputs[1:], strict=True))
    zero = np.zeros(op.size)
    u, current = first["membrane"], first.get("synaptic", Interval(zero, zero))
    wait = first.get("refractory", u).high
    spikes, membranes = [], []
    for low, high in zip(x.low, x.high, strict=True):
        kept = op.alpha if op.alpha.size else zero
        current = Interval(kept * current.low + low, kept * current.high + high)
        tested = _charged(op, u, current)
        after = tested if op.reset_delay else _reset(op, tested, _leaked(op, u, current))
        u = hull(u.low, u.high, after.low, after.high) if op.refractory else after
        spikes.append(Interval(zero, np.where(tested.high >= op.threshold, 1.0, 0.0)))
        membranes.append(u)
    waiting = Interval(np.zeros(op.size), np.maximum(wait, op.refractory))
    states = {"membrane": u, "synaptic": current, "refractory": waiting}
    return (_stacked(spikes), _stacked(membranes), *(states[name] for name in op.states))


def encode(op: Encode, inputs: Sequence[Interval]) -> tuple[Interval, ...]:
    """Return the bounds of the spikes: x itself, or 0..1 in every step."""
    x = inputs[0]
    if op.encoding == "direct":
        shape = (op.steps, *x.low.shape)
        return (Interval(np.broadcast_to(x.low, shape), np.broadcast_to(x.high, shape)),)
    if op.encoding != "delta":
        return (_unit((op.steps, *x.low.shape)),)
    reference = inputs[1]
    seen = hull(reference.low, reference.high, x.low.min(axis=0), x.high.max(axis=0))
    return _unit((op.steps, 2 * x.low.shape[1])), seen


def _leaked(op: Lif, u: Interval, current: Interval) -> Interval:
    return Interval(op.beta * u.low + current.low, op.beta * u.high + current.high)


def _charged(op: Lif, u: Interval, current: Interval) -> Interval:
    """Return the bounds of the membrane that firing tests."""
    if op.reset == "none" or not (op.reset_delay or op.reset == "carry"):
        return _leaked(op, u, current)
    below, above = _split(op, u)
    fired = Interval(np.zeros(op.size), np.zeros(op.size)) if op.reset == "zero" else above
    taken = 0.0 if op.reset == "zero" else op.threshold
    lost = op.reset == "zero" and op.alpha.size > 0  # the current, too
    a, b = _leaked(op, below, current), fired if lost else _leaked(op, fired, current)
    return _either(op, u, a, Interval(b.low - taken, b.high - taken))


def _reset(op: Lif, tested: Interval, leaked: Interval) -> Interval:
    """Return the bounds behind a reset in the same step."""
    if op.reset == "none":
        return tested
    if op.reset == "carry":  # leaked, less a threshold that it is above if it fired
        return Interval(np.minimum(leaked.low, 0.0), leaked.high)
    below, above = _split(op, tested)
    if op.reset == "zero":
        fired = Interval(np.full(op.size, op.v_reset), np.full(op.size, op.v_reset))
    else:
        fired = Interval(above.low - op.threshold, above.high - op.threshold)
    return _either(op, tested, below, fired)


def _split(op: Lif, u: Interval) -> tuple[Interval, Interval]:
    """Return what of an interval is at most the threshold, and what is at least."""
    return (
        Interval(u.low, np.minimum(u.high, op.threshold)),
        Interval(np.maximum(u.low, op.threshold), u.high),
    )


def _either(op: Lif, u: Interval, below: Interval, above: Interval) -> Interval:
    """Return both together, or one of them where u lies on one side of the threshold."""
    both = hull(below.low, below.high, above.low, above.high)
    quiet, certain = u.high < op.threshold, u.low > op.threshold
    return Interval(
        np.where(quiet, below.low, np.where(certain, above.low, both.low)),
        np.where(quiet, below.high, np.where(certain, above.high, both.high)),
    )


def _unit(shape: tuple[int, ...]) -> Interval:
    return Interval(np.zeros(shape), np.ones(shape))


def _stacked(steps: Sequence[Interval]) -> Interval:
    def every(side: str) -> FloatArray:
        return np.stack([getattr(step, side) for step in steps])

    return Interval(every("low"), every("high"))
