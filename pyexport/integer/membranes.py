"""Proofs that membranes and synaptic currents stay within their limits, whatever fires."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyexport.integer.base import require
from pyexport.ir import Array, QuantParams

Int64Array = npt.NDArray[np.int64]
Bounds = tuple[Int64Array, Int64Array]  # least and greatest value of each neuron

WIDE = (1 << 30) - 1  # two numbers within it have a sum in 32 bits
Q15_LIMIT = 65535  # a membrane whose product with a factor of 2**-15 has 32 bits


class Neurons:
    """What the proofs read of neurons; integer/spiking.py says what each field is."""

    weight: Array
    bias: Array
    threshold: Array
    leak: Array
    synaptic: Array
    v_reset: Array
    steps: int
    fraction: int
    shift_leak: bool
    shift_synaptic: bool
    reset: str
    reset_delay: bool
    refractory: int
    low: int
    high: int
    synaptic_limit: int
    saturating: bool
    stateful: bool


def leaked(value: Array, leak: Array, shift: bool) -> Array:
    """Return what is left of int64 values after one step; it rises with the value."""
    if shift:
        return np.asarray(value - (value >> leak))
    return np.asarray((value * leak + (1 << 14)) >> 15)


def current_bounds(weight: Array, bias: Array, fraction: int, source: QuantParams) -> Bounds:
    """Return the bounds of a step's current; refused if a partial sum can leave 31 bits."""
    w, b = weight.astype(np.int64) << fraction, bias.astype(np.int64)
    ends = w * source.low, w * source.high
    low, high = np.minimum(*ends), np.maximum(*ends)
    partial = b + np.minimum(low, 0).sum(axis=1), b + np.maximum(high, 0).sum(axis=1)
    fits = int(partial[0].min()) >= -WIDE and int(partial[1].max()) <= WIDE
    require(fits, "a current can leave 31 bits")
    return np.minimum(b + low.sum(axis=1), b), np.maximum(b + high.sum(axis=1), b)


def synaptic_bounds(op: Neurons, low: Int64Array, high: Int64Array, steps: int | None) -> Bounds:
    """Return the bounds of the synaptic current: of `steps` steps, or of any number of them."""
    if steps is None:
        return _settled(low, op.synaptic, op.shift_synaptic), _settled(
            high, op.synaptic, op.shift_synaptic
        )
    least, most = np.zeros_like(low), np.zeros_like(high)
    for _ in range(steps):
        before = least, most
        least = np.minimum(least, leaked(least, op.synaptic, op.shift_synaptic) + low)
        most = np.maximum(most, leaked(most, op.synaptic, op.shift_synaptic) + high)
        if np.array_equal(before[0], least) and np.array_equal(before[1], most):
            break
    return least, most


def _settled(current: Int64Array, leak: Array, shift: bool) -> Int64Array:
    """Return a bound that a leak and this current never cross; 2**40 if there is none."""
    kept = 1.0 - 2.0 ** -leak.astype(np.float64) if shift else leak / 32768.0
    with np.errstate(divide="ignore"):
        reach = np.where(kept < 1.0, (np.abs(current) + 1.0) / (1.0 - kept) + 1.0, 2.0**40)
    bound = np.ceil(np.minimum(reach, 2.0**40)).astype(np.int64)
    return np.where(current < 0, -bound, np.where(current > 0, bound, np.sign(current)))


def one_step(op: Neurons, u: Bounds, current: Bounds) -> tuple[Bounds, Bounds]:
    """Return the bounds of what firing tests and of what the step leaves, from membranes in u."""
    threshold = op.threshold.astype(np.int64)
    subtracts = op.reset in ("subtract", "carry")
    starts = (op.reset_delay and op.reset != "none") or op.reset == "carry"
    low, high = leaked(u[0], op.leak, op.shift_leak), leaked(u[1], op.leak, op.shift_leak)
    if starts:  # what fired goes on from the threshold or above, and loses it or all
        above = leaked(np.maximum(u[0], threshold), op.leak, op.shift_leak)
        top = leaked(np.minimum(u[1], threshold), op.leak, op.shift_leak)
        can, taken = u[1] >= threshold, threshold if subtracts else 0
        fired_low = above - taken if subtracts else np.zeros_like(low)
        fired_high = high - taken if subtracts else np.zeros_like(high)
        low = np.where(can, np.minimum(low, fired_low), low)
        high = np.where(can, np.maximum(top, fired_high), high)
    tested = low + current[0], high + current[1]
    if starts and op.reset == "zero" and len(op.synaptic):  # what fired is 0, without its current
        tested = np.minimum(tested[0], 0), np.maximum(tested[1], 0)
    if op.reset_delay or op.reset == "none":
        return tested, tested
    can = tested[1] >= threshold
    if op.reset == "carry":
        charged = leaked(u[1], op.leak, op.shift_leak) + current[1]
        return tested, (np.minimum(tested[0], 0), np.maximum(tested[1], charged))
    if op.reset == "zero":
        fired = op.v_reset.astype(np.int64), op.v_reset.astype(np.int64)
    else:
        fired = np.maximum(tested[0], threshold) - threshold, tested[1] - threshold
    least = np.where(can, np.minimum(tested[0], fired[0]), tested[0])
    quiet = np.minimum(tested[1], threshold)
    return tested, (least, np.where(can, np.maximum(quiet, fired[1]), tested[1]))


def _hull(*bounds: Bounds) -> Bounds:
    return np.minimum.reduce([b[0] for b in bounds]), np.maximum.reduce([b[1] for b in bounds])


def reached(op: Neurons, current: Bounds, steps: int) -> Bounds:
    """Return the bounds of everything that a membrane is in `steps` steps after a reset."""
    zero = np.zeros(len(op.bias), np.int64)
    u: Bounds = (zero, zero)
    for _ in range(steps):
        wider = _hull(u, *one_step(op, u, current))
        if np.array_equal(wider[0], u[0]) and np.array_equal(wider[1], u[1]):
            break
        u = wider
        if max(int(-u[0].min()), int(u[1].max())) > 1 << 40:
            break
    return u


def settled(op: Neurons, current: Bounds) -> Bounds | None:
    """Return bounds that no number of steps crosses, None where none was found.

    The geometric sum of the current and the leak is tried; `one_step` then proves it.
    """
    threshold = op.threshold.astype(np.int64)
    lowest = np.minimum(current[0], 0) - threshold * (op.reset in ("subtract", "carry"))
    lowest = np.minimum(lowest, op.v_reset)
    low, high = (
        _settled(lowest, op.leak, op.shift_leak),
        _settled(np.maximum(current[1], 0), op.leak, op.shift_leak),
    )
    found = np.minimum(low, 0), np.maximum(np.maximum(high, 0), threshold)
    return found if _inside(_hull(*one_step(op, found, current)), found) else None


def _inside(inner: Bounds, outer: Bounds) -> bool:
    return bool((inner[0] >= outer[0]).all() and (inner[1] <= outer[1]).all())


def require_bounds(op: Neurons, low: Int64Array, high: Int64Array) -> None:
    """Raise ValueError unless the stated limits hold: proved, or tested where `saturating`."""
    ints = all(type(v) is int for v in (op.low, op.high, op.synaptic_limit))
    require(ints and -WIDE <= op.low <= 0 < op.high <= WIDE, "wrong limits of a membrane")
    require(0 <= op.synaptic_limit <= WIDE, "a wrong limit of a synaptic current")
    _require_leak(op.leak, op.shift_leak, max(-op.low, op.high))
    require(
        bool((op.threshold >= 1).all() and (op.threshold <= op.high).all()), "a wrong threshold"
    )
    below = (op.v_reset < op.threshold).all() and (op.v_reset >= op.low).all()
    require(bool(below), "a wrong v_reset")
    steps = None if op.stateful else op.steps
    if len(op.synaptic):
        _require_leak(op.synaptic, op.shift_synaptic, op.synaptic_limit)
        low, high = synaptic_bounds(op, low, high, steps)
        fits = max(int(-low.min()), int(high.max())) <= op.synaptic_limit
        require(fits or op.saturating, "a synaptic current can leave its limits")
        low, high = np.maximum(low, -op.synaptic_limit), np.minimum(high, op.synaptic_limit)
    else:
        require(op.synaptic_limit == 0, "a limit of no synaptic current")
    if op.saturating:
        return
    every = np.ones(len(op.bias), np.int64)
    limits = op.low * every, op.high * every
    if _inside(_hull(*one_step(op, limits, (low, high))), limits):
        return
    proved = steps is not None and _inside(reached(op, (low, high), steps), limits)
    require(proved, "a membrane can leave its limits")


def _require_leak(leak: Array, shift: bool, largest: int) -> None:
    lowest, highest = (1, 15) if shift else (0, 1 << 15)
    require(bool((leak >= lowest).all() and (leak <= highest).all()), "a wrong leak")
    require(shift or largest <= Q15_LIMIT, "a leak of 15 bits leaves 32 bits")
