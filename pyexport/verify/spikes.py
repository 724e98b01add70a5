"""The spikes of every layer of neurons: of the float network, of the simulator, of a device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, Graph, Lif
from pyexport.reference import evaluate
from pyexport.simulator.fast import trace_sizes


@dataclass(frozen=True, eq=False)
class SpikeTrain:
    """What the neurons of one layer fire, step by step."""

    layer: str
    spikes: Array  # (steps, n), bool


def has_spikes(graph: Graph) -> bool:
    """Return whether an exported network has neurons."""
    return any(isinstance(node.op, QuantizedLif) for node in graph.nodes)


def integer_trains(graph: Graph, sums: Array) -> list[SpikeTrain]:
    """Return the spikes that traced sums (rows, all of them) tell of; rows follow each other.

    A trace holds the membrane that firing tested, of a simulator's run or of a device's.
    """
    trains, start = [], 0
    for node, size in zip(graph.nodes, trace_sizes(graph), strict=True):
        op = node.op
        if isinstance(op, QuantizedLif):
            tested = sums[:, start : start + size].astype(np.int64).reshape(-1, op.size)
            trains.append(SpikeTrain(node.name, _fired(op, tested)))
        start += size
    return trains


def _fired(op: QuantizedLif, tested: Array) -> Array:
    """Return where membranes (steps, n) fire; a refractory neuron waits whatever it holds."""
    above = tested > op.threshold if op.compare == "gt" else tested >= op.threshold
    wait = np.zeros(op.size, dtype=np.int64)
    spikes = np.zeros(above.shape, dtype=bool)
    for t, row in enumerate(above):
        spikes[t] = row & (wait == 0)
        wait = np.where(spikes[t], op.refractory, np.maximum(wait - 1, 0))
    return spikes


def float_trains(graph: Graph, inputs: Array) -> list[SpikeTrain]:
    """Return the spikes of the float network for one row of real inputs (1, *input shape)."""
    values = evaluate(graph, inputs.astype(np.float64))
    return [
        SpikeTrain(node.name, values[node.outputs[0]][0] > 0)
        for node in graph.nodes
        if isinstance(node.op, Lif)
    ]
