"""Spiking layers for many rows at once, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyexport.integer.membranes import leaked
from pyexport.integer.spiking import (
    SUM_LIMIT,
    QuantizedEncode,
    QuantizedLif,
    QuantizedReadout,
)
from pyexport.ir import Array, Tensor
from pyexport.simulator.arrays.base import Evaluate, flat, quant_of


@dataclass(frozen=True, eq=False)
class State:
    """What a step leaves; every array is (rows, n), int64."""

    u: Array
    current: Array
    wait: Array


def lif(op: QuantizedLif, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of neurons."""
    shape = inputs[0].shape
    weight = op.weight.T.astype(np.float64)  # exact: sums are below 2**53

    def run(x: Array, *states: Array) -> tuple[Array, tuple[Array, ...]]:
        rows = x.astype(np.float64).reshape(len(x), *shape)
        currents = (rows @ weight).astype(np.int64) * (1 << op.fraction) + op.bias
        zero = np.zeros((len(x), op.size), np.int64)
        first = dict(zip(op.states, (s.astype(np.int64) for s in states), strict=False))
        names = ("membrane", "synaptic", "refractory")
        now = State(*(first.get(name, zero) for name in names))
        spikes, membranes, tested = [], [], []
        for step in range(op.steps):
            current = currents if len(shape) == 1 else currents[:, step]
            now, spike, test = step_of(op, now, current)
            spikes.append(spike)
            membranes.append(now.u)
            tested.append(test)
        made = [flat(np.stack(spikes, 1))]
        made += [flat(np.stack(membranes, 1))] * op.membranes
        last = {"membrane": now.u, "synaptic": now.current, "refractory": now.wait}
        kept = [last[name] for name in op.states] if op.stateful else []
        return flat(np.stack(tested, 1)), (*made, *kept)

    return run


def step_of(op: QuantizedLif, before: State, current: Array) -> tuple[State, Array, Array]:
    """Return the neurons behind a step, their spikes, and the membranes that firing tested."""
    if len(op.synaptic):
        kept = leaked(before.current, op.synaptic, op.shift_synaptic)
        current = np.clip(kept + current, -op.synaptic_limit, op.synaptic_limit)
    r = _fired(op, before.u) * (op.reset_delay or op.reset == "carry")
    subtracts = op.reset in ("subtract", "carry")
    u = before.u * (1 - r) if op.reset == "zero" else before.u
    charged = leaked(u, op.leak, op.shift_leak) + current
    if op.reset == "zero" and len(op.synaptic):
        charged = charged * (1 - r)  # the current is lost, too
    tested = np.clip(charged - r * op.threshold * subtracts, op.low, op.high)
    waits = before.wait > 0
    tested = np.where(waits, before.u, tested)
    spike = _fired(op, tested) * ~waits
    after = tested
    if not op.reset_delay and op.reset == "zero":
        after = np.where(spike > 0, op.v_reset, tested)
    elif not op.reset_delay and subtracts:
        taken = np.where(waits, 0, (spike - r) * op.threshold)
        after = np.clip(tested - taken, op.low, op.high)
    wait = np.where(waits, before.wait - 1, spike * op.refractory)
    return State(after, current, wait), spike, tested


def _fired(op: QuantizedLif, u: Array) -> Array:
    above = u > op.threshold if op.compare == "gt" else u >= op.threshold
    return above.astype(np.int64)


def encode(op: QuantizedEncode, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of an encoder."""
    shape, start = inputs[0].shape, op.kept(quant_of(inputs[0]))[2]
    make = {"rate": _rate, "latency": _latency, "delta": _delta}[op.encoding]
    size = 1 if op.encoding == "latency" else shape[-1]

    def run(x: Array, *states: Array) -> tuple[None, tuple[Array, ...]]:
        rows = x.astype(np.int64).reshape(len(x), *shape)
        first = states[0].astype(np.int64) if op.stateful else np.full((len(x), size), start)
        spikes, last = make(op, rows, first)
        made = flat(np.stack(spikes, 1).astype(np.int64))
        return None, (made, last) if op.stateful else (made,)

    return run


def _rate(op: QuantizedEncode, x: Array, filled: Array) -> tuple[list[Array], Array]:
    span, spikes = op.high - op.low, []
    for _ in range(op.steps):
        filled = filled + 2 * (np.clip(x, op.low, op.high) - op.low)
        spikes.append(filled >= 2 * span)
        filled = filled - 2 * span * spikes[-1]
    return spikes, filled


def _latency(op: QuantizedEncode, x: Array, step: Array) -> tuple[list[Array], Array]:
    last, spikes = len(op.limits) - 1, []
    limits = np.append(op.limits.astype(np.int64), op.limits[-1])  # behind the last step: nothing
    for _ in range(op.steps):
        spikes.append((x >= limits[step + 1]) & (x < limits[step]))
        step = np.minimum(step + 1, last)
    return spikes, step


def _delta(op: QuantizedEncode, x: Array, reference: Array) -> tuple[list[Array], Array]:
    spikes = []
    for step in range(op.steps):
        value = x[:, step]
        on, off = value - reference >= op.threshold, reference - value >= op.threshold
        spikes.append(np.concatenate([on, off], axis=1))
        reference = np.where(on | off, value, reference)
    return spikes, reference


def readout(op: QuantizedReadout, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Evaluate:
    """Return the evaluation of a readout."""
    steps, n = inputs[0].shape
    ports = 1 + op.takes_spikes

    def run(*tensors: Array) -> tuple[Array, tuple[Array, ...]]:
        rows = [t.astype(np.int64).reshape(-1, steps, n) for t in tensors[:ports]]
        zero = np.zeros((len(rows[0]), n), np.int64)
        states = [t.astype(np.int64) for t in tensors[ports:]]
        sums, counts = (states[i] if len(states) > i else zero for i in (0, 1))
        step = states[2] if len(states) > 2 else zero[:, :1]
        for t in range(steps):
            u = rows[-1][:, t]
            sums = u if op.method == "membrane_last" else _added(sums, u)
            if op.method == "count":
                counts = np.minimum(counts + rows[0][:, t], op.whole)
            elif op.method == "first_spike":
                new = (rows[0][:, t] > 0) & (counts == 0)
                counts = np.where(new, op.whole - step, counts)
            step = np.minimum(step + 1, op.whole)
        kept = {"sums": sums, "counts": counts, "firsts": counts, "step": step}
        last = [kept[name] for name in op.states] if op.stateful else []
        return sums, (_score(op, sums, counts), *last)

    return run


def _added(sums: Array, u: Array) -> Array:
    return np.asarray(np.clip(sums + u, -SUM_LIMIT, SUM_LIMIT))


def _score(op: QuantizedReadout, sums: Array, counts: Array) -> Array:
    low = (sums + ((1 << op.shift) >> 1)) >> op.shift
    if not op.takes_spikes:
        return np.asarray(np.clip(low + 32768, 0, 65535))
    return np.asarray(
        (counts << op.bits) + np.clip(low + (1 << (op.bits - 1)), 0, (1 << op.bits) - 1)
    )
