"""Spiking networks around one kernel: whole sequences, and streams whose rows are calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from pyexport.choices import DEFAULT_GOAL
from pyexport.graph_check import check_graph
from pyexport.integer.membranes import current_bounds, reached, settled
from pyexport.integer.spiking import (
    SPIKES,
    SUM_LIMIT,
    QuantizedEncode,
    QuantizedLif,
    QuantizedReadout,
)
from pyexport.ir import Array, Graph, Node, Op, QuantParams, State, Tensor
from pyexport.operators.spiking import READOUTS
from scripts.kernel_cases.bench import RANDOM_ROWS, generator
from scripts.kernel_cases.spiking_nets import INPUTS, MODES, draw_encode, draw_lif, latency_limits

Made = Sequence[tuple[tuple[int, ...], QuantParams]]
Kept = Mapping[str, tuple[tuple[int, ...], QuantParams, int]]
ENCODERS = {
    "encode_rate": "rate", "encode_latency": "latency", "encode_latency_step": "latency",
    "encode_delta": "delta",
}  # fmt: skip
NARROW = ("lif_swar16", "lif_avr16")  # take membranes of few bits
SPEED = ("lif_swar16", "lif_direct16", "lif_bitserial", "lif_bitlist")  # have this goal
NAMED = (*SPEED, "lif_direct")  # are asked for, as some chip would take another kernel
DIRECT = ("lif_direct", "lif_direct16", "lif_bitserial", "lif_bitlist")
WIDTHS = (1, 3, 8, 9, 17, 32, 33, 40)


class SpikingBench:
    """An encoder or none, one or two layers of neurons, a readout or spikes."""

    goal = DEFAULT_GOAL
    kernels: tuple[str, ...] = ()

    def __init__(self, random: Random, kernel: str) -> None:
        self.random, self.kernel = random, kernel
        if kernel in SPEED:
            self.goal = "speed"
        if kernel in NAMED:
            self.kernels = (kernel,)
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.states: list[State] = []
        self.steps = random.randint(1, 4)
        self.stateful = kernel == "encode_latency_step" or (
            kernel != "encode_latency" and random.random() < 0.4
        )
        self.output = self._net()

    def graph(self) -> Graph:
        """Return the checked network."""
        graph = Graph(
            tuple(self.tensors), tuple(self.nodes), ("input",), (self.output,), tuple(self.states)
        )
        check_graph(graph, "int8")
        return graph

    def rows(self) -> Array:
        """Return all least and all greatest values, corners and random ones; in this order."""
        quant, size = self.tensors[0].quant, self.tensors[0].size
        assert quant is not None
        draws = generator(self.random)
        corners = np.where(draws.random((4, size)) < 0.5, quant.low, quant.high)
        values = draws.integers(quant.low, quant.high + 1, (RANDOM_ROWS, size))
        rows = np.concatenate([[[quant.low] * size, [quant.high] * size], corners, values])
        return rows.astype(np.uint8 if quant.dtype == "u8" else np.int8)

    def _net(self) -> str:
        random, steps = self.random, self.steps
        direct = self.kernel in DIRECT
        source = random.choice(INPUTS) if not self.kernel.startswith("lif_") or direct else SPIKES
        if self.kernel == "lif_current":
            source = random.choice(INPUTS)
        n_in = random.choice((*WIDTHS, 300) if self.kernel == "lif_events" else WIDTHS)
        once = direct or self.kernel in ("encode_rate", "encode_latency", "encode_latency_step")
        shape = (n_in,) if once else (steps, n_in)
        self.tensors.append(Tensor("input", shape, source.dtype, source))
        x = "input"
        if self.kernel in ENCODERS:
            op = self._encoder(source)
            n_in *= 1 + (op.encoding == "delta")
            state = op.kept(source)
            kept = {state[0]: ((1,) if op.encoding == "latency" else (shape[-1],), *state[1:])}
            (x,) = self._add(op, (x,), [((steps, n_in), SPIKES)], kept)
            source = SPIKES
        reads = self.kernel == "readout"
        layers = random.choice([1, 2]) if not reads else 1
        for layer in range(layers):
            names, neurons = self._neurons(x, n_in, source, reads and layer == layers - 1)
            x, n_in, source = names[0], neurons.size, SPIKES
        return self._readout(names, neurons) if reads else x

    def _encoder(self, source: QuantParams) -> QuantizedEncode:
        op = draw_encode(self.random, ENCODERS[self.kernel], self.steps, source)
        if self.stateful and op.encoding == "latency":
            whole = self.steps + self.random.choice([0, 1, 5])
            limits = np.array(latency_limits(whole, op.low, op.high), np.int32)
            op = replace(op, limits=limits)
        return replace(op, stateful=self.stateful)

    def _neurons(
        self, x: str, n_in: int, source: QuantParams, membranes: bool
    ) -> tuple[tuple[str, ...], QuantizedLif]:
        n = self.random.choice(WIDTHS)
        membranes = membranes or self.random.random() < 0.2
        if self.kernel in NARROW or self.kernel == "lif_direct16":
            op = self._narrow(n_in, n + n % 2, source, membranes)
        else:
            op = draw_lif(self.random, self.steps, n_in, source, membranes, n, self.stateful)
        made = [((self.steps, op.size), SPIKES), ((self.steps, op.size), op.membrane)]
        kept = {name: ((op.size,), quant, 0) for name, quant in op.states.items()}
        return self._add(op, (x,), made[: 1 + membranes], kept), op

    def _narrow(self, n_in: int, n: int, source: QuantParams, membranes: bool) -> QuantizedLif:
        """Return neurons of which two fit a word: small weights, leaks by one shift."""
        random, draws = self.random, generator(self.random)
        reset, delay = random.choice(MODES)
        most = random.choice([2000, 8000])  # of a current: leaks make eight times as much
        largest = max(1, min(127, most // (n_in * max(abs(source.low), source.high))))
        weight = draws.integers(-largest, largest + 1, (n, n_in)).astype(np.int8)
        reach = max(2, int(np.abs(weight).sum(axis=1).max()))
        hard = reset == "zero" and not delay and self.kernel != "lif_swar16"
        thresholds = draws.integers(1, reach + 1, n if random.random() < 0.7 else 1)
        fields: dict[str, Any] = {
            "weight": weight, "bias": draws.integers(-reach // 8, reach // 8 + 1, n),
            "threshold": np.resize(thresholds, n),
            "leak": np.full(n, random.randint(1, 3)), "synaptic": np.zeros(0),
            "v_reset": -draws.integers(0, 9, n) * hard, "unit": np.full(n, 0.5),
        }  # fmt: skip
        fields = {
            k: v if k in ("weight", "unit") else v.astype(np.int32) for k, v in fields.items()
        }
        op = QuantizedLif(
            **fields, steps=self.steps, fraction=0, shift_leak=True, shift_synaptic=True,
            reset=reset, reset_delay=delay, compare=random.choice(["gt", "ge"]), refractory=0,
            low=-1, high=1, synaptic_limit=0, saturating=False, membranes=membranes,
            stateful=self.stateful,
        )  # fmt: skip
        current = current_bounds(op.weight, op.bias, 0, source)
        bounds = settled(op, current) or reached(op, current, self.steps)
        low, high = int(bounds[0].min()), max(int(bounds[1].max()), int(op.threshold.max()))
        return replace(op, low=min(low, -1), high=high)

    def _readout(self, names: tuple[str, ...], neurons: QuantizedLif) -> str:
        whole = self.steps + (self.random.choice([0, 2]) if self.stateful else 0)
        largest = max(-neurons.low, neurons.high)
        method = self.random.choice(READOUTS)
        bits = min((whole * largest).bit_length(), SUM_LIMIT.bit_length())
        op = QuantizedReadout(
            method, whole, self.random.randint(0, max(0, bits - 4)), self.stateful
        )
        inputs = names if op.takes_spikes else names[1:]
        n = neurons.size
        kept = {name: ((n if each else 1,), quant, 0) for name, (each, quant) in op.states.items()}
        made = [((n,), op.params(neurons.membrane.scale))]
        return self._add(op, inputs, made, kept)[0]

    def _add(
        self,
        op: Op,
        inputs: tuple[str, ...],
        made: Made,
        kept: Kept,
    ) -> tuple[str, ...]:
        """Add a node with its states, if it is one step of a stream; returns its other outputs."""
        node = f"n{len(self.nodes)}"
        names = tuple(f"{node}_out{i}" for i in range(len(made)))
        self.tensors += [Tensor(n, s, q.dtype, q) for n, (s, q) in zip(names, made, strict=True)]
        old, new = [], []
        for name, (shape, quant, initial) in kept.items() if self.stateful else ():
            read, write = f"{node}_{name}", f"{node}_{name}_new"
            self.tensors += [Tensor(n, shape, quant.dtype, quant) for n in (read, write)]
            self.states.append(State(read, read, write, initial))
            old.append(read)
            new.append(write)
        self.nodes.append(Node(node, op, (*inputs, *old), (*names, *new), f"net.{node}"))
        return names
