"""Small spiking networks with any legal integers: every mode of neurons, encoders and readouts."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from pyexport.integer.membranes import WIDE, current_bounds, reached, settled, synaptic_bounds
from pyexport.integer.spiking import (
    SPIKES,
    SUM_LIMIT,
    QuantizedEncode,
    QuantizedLif,
    QuantizedReadout,
)
from pyexport.ir import Graph, Node, QuantParams, Tensor
from pyexport.operators.spiking import READOUTS

MODES = [
    ("subtract", True), ("zero", True), ("none", True),
    ("subtract", False), ("zero", False), ("none", False), ("carry", False),
]  # fmt: skip
INPUTS = [
    QuantParams("u8", 1.0, 0, 0, 255), QuantParams("u8", 1.0, 0, 0, 16),
    QuantParams("s8", 0.1, -7, -128, 127), QuantParams("s8", 1.0, 0, -5, 90),
]  # fmt: skip


def draw_lif(
    random: Random,
    steps: int,
    n_in: int,
    source: QuantParams,
    membranes: bool,
    n: int = 0,
    stateful: bool = False,
) -> QuantizedLif:
    """Return neurons whose limits are proved, or saturate where a smaller number was drawn.

    n: how many, 0 for a few.
    """
    generator = np.random.default_rng(random.randrange(1 << 30))
    n = n or random.randint(1, 6)
    fraction, (reset, delay) = random.choice([0, 0, 1, 2, 5]), random.choice(MODES)
    weight = generator.integers(-127, 128, (n, n_in)).astype(np.int8)
    weight[generator.random((n, n_in)) < random.choice([0.0, 0.6])] = 0
    reach = max(1, int(np.abs(weight).sum(axis=1).max()) << fraction)
    bias = generator.integers(-reach // 4, reach // 4 + 1, n)
    shift, shift_synaptic = random.random() < 0.5, random.random() < 0.5
    alpha = random.random() < 0.4
    hard = reset == "zero" and not delay
    fields: dict[str, Any] = {
        "weight": weight,
        "bias": bias.astype(np.int32),
        "threshold": generator.integers(1, max(2, reach // 2), n).astype(np.int32),
        "leak": _leak(generator, n, shift),
        "synaptic": _leak(generator, n if alpha else 0, shift_synaptic),
        "v_reset": np.zeros(n, np.int32),
        "unit": np.full(n, 0.25) if random.random() < 0.5 else generator.uniform(0.1, 1.0, n),
        "steps": steps, "fraction": fraction, "shift_leak": shift,
        "shift_synaptic": shift_synaptic or not alpha, "reset": reset, "reset_delay": delay,
        "compare": random.choice(["gt", "ge"]),
        "refractory": random.choice([0, 1, 3]) if not delay and reset != "carry" else 0,
        "membranes": membranes, "stateful": stateful,
        "low": -WIDE, "high": WIDE, "synaptic_limit": 0, "saturating": True,
    }  # fmt: skip
    if hard:
        fields["v_reset"] = (fields["threshold"] - generator.integers(1, reach + 1, n)).astype(
            np.int32
        )
    return _limited(random, fields, source)


def _limited(random: Random, fields: dict[str, Any], source: QuantParams) -> QuantizedLif:
    op = QuantizedLif(**fields)
    low, high = current_bounds(op.weight, op.bias, op.fraction, source)
    least = max(int(op.threshold.max()), -int(op.v_reset.min()), 1)
    saturating = random.random() < 0.3
    if len(op.synaptic):
        low, high = synaptic_bounds(op, low, high, None if op.stateful else op.steps)
        limit = max(int(-low.min()), int(high.max()), 1)
        most = WIDE if op.shift_synaptic else 65535
        saturating = saturating or limit > most
        limit = min(limit, most, random.randint(1, limit) if saturating else limit)
        low, high = np.maximum(low, -limit), np.minimum(high, limit)
        fields["synaptic_limit"] = limit
    bounds = settled(op, (low, high))
    saturating = saturating or (op.stateful and bounds is None)
    bounds = bounds or reached(op, (low, high), op.steps)
    proved = (min(int(bounds[0].min()), -1), max(int(bounds[1].max()), least))
    most = WIDE if op.shift_leak else 65535
    if saturating or max(-proved[0], proved[1]) > most:
        saturating = True
        reach = random.choice([1, 2, 8])
        proved = max(proved[0], -most, -least * reach), min(proved[1], most, least * reach)
        if max(-int(op.v_reset.min()), int(op.threshold.max())) > most:
            fields |= {
                "threshold": np.minimum(op.threshold, most).astype(np.int32),
                "v_reset": np.zeros_like(op.v_reset),
            }
    return QuantizedLif(**fields | {"low": proved[0], "high": proved[1], "saturating": saturating})


def _leak(generator: np.random.Generator, n: int, shift: bool) -> Any:
    if shift:
        return generator.integers(1, 6, n).astype(np.int32)
    ends = generator.choice([0, 32768, 29491, 16384], n)
    drawn = np.where(generator.random(n) < 0.5, ends, generator.integers(0, 32768, n))
    return drawn.astype(np.int32)


def draw_encode(random: Random, encoding: str, steps: int, source: QuantParams) -> QuantizedEncode:
    """Return an encoder of bytes like these."""
    low = random.randint(source.low, source.high - 1)
    high = random.randint(low + 1, source.high)
    if random.random() < 0.5:
        low, high = source.low, source.high
    limits = latency_limits(steps, low, high) if encoding == "latency" else []
    threshold = random.randint(1, 40) if encoding == "delta" else 0
    return QuantizedEncode(
        np.array(limits, dtype=np.int32), encoding, steps, low, high, threshold, False
    )


def latency_limits(steps: int, low: int, high: int) -> list[int]:
    """Return the limits by trying every byte: 256, then the least one that spikes by each step."""
    span, limits = high - low, [256]
    for step in range(steps):
        early = [
            x for x in range(low + 1, 256)
            if ((span - min(x - low, span)) * (steps - 1) * 2 + span) // (2 * span) <= step
        ]  # fmt: skip
        limits.append(min(early, default=limits[-1]))
    return limits


def draw_net(random: Random) -> Graph:
    """Return a network: an encoder or none, one or two layers of neurons, a readout or spikes."""
    source = random.choice(INPUTS)
    steps, n_in = random.randint(1, 7), random.randint(1, 5)
    first = random.choice(["", "direct", "rate", "latency", "delta"])
    shape = (n_in,) if first in ("direct", "rate", "latency") else (steps, n_in)
    tensors, nodes = [Tensor("input", shape, source.dtype, source)], list[Node]()

    def add(
        op: Any, inputs: tuple[str, ...], made: Sequence[tuple[tuple[int, ...], QuantParams]]
    ) -> tuple[str, ...]:
        names = tuple(f"t{len(nodes)}_{i}" for i in range(len(made)))
        nodes.append(Node(f"n{len(nodes)}", op, inputs, names, f"net.{len(nodes)}"))
        tensors.extend(Tensor(n, s, q.dtype, q) for n, (s, q) in zip(names, made, strict=True))
        return names

    x = "input"
    if first in ("rate", "latency", "delta"):
        encode = draw_encode(random, first, steps, source)
        n_in *= 1 + (first == "delta")
        (x,) = add(encode, (x,), [((steps, n_in), SPIKES)])
        source = SPIKES
    method = random.choice(["", *READOUTS])
    layers = random.choice([1, 2])
    for layer in range(layers):
        last = layer == layers - 1
        op = draw_lif(random, steps, n_in, source, last and method != "")
        made = [((steps, op.size), SPIKES), ((steps, op.size), op.membrane)]
        names = add(op, (x,), made[: 1 + op.membranes])
        x, n_in, source = names[0], op.size, SPIKES
    if method and steps * max(-op.low, op.high) <= SUM_LIMIT:
        bits = (steps * max(-op.low, op.high)).bit_length()
        readout = QuantizedReadout(method, steps, random.randint(0, max(0, bits - 4)), False)
        inputs = names if readout.takes_spikes else names[1:]
        (x,) = add(readout, inputs, [((op.size,), readout.params(op.membrane.scale))])
    return Graph(tuple(tensors), tuple(nodes), ("input",), (x,))
