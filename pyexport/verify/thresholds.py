"""Inputs that bring membranes to their thresholds, exactly and one beside, and to their ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pyexport.integer.spiking import QuantizedLif
from pyexport.ir import Array, Graph, Node
from pyexport.rows import row_limits
from pyexport.simulator.arrays.spiking import State, step_of
from pyexport.simulator.fast import FastSimulator, trace_sizes
from pyexport.verify.sums import decide_sum, solve_sums

SIDES = (-1, 0, 1)  # of the threshold: only a wrong comparison tells them apart
MOST_NEURONS = 64  # of a layer that rows are made for
ROUNDS = 24  # of the search for neurons behind others
DRAWN = 24  # moves that are tried in a round


@dataclass(frozen=True)
class Edge:
    """A membrane that some row should have: of a neuron, in whatever step, beside its threshold."""

    node: str
    neuron: int
    side: int  # membrane minus threshold


def edges_of(graph: Graph) -> tuple[Edge, ...]:
    """Return three membranes for each neuron that its layer's limits let reach its threshold."""
    return tuple(
        Edge(node.name, k, side)
        for node, op in _layers(graph)
        for k in range(min(op.size, MOST_NEURONS))
        for side in SIDES
        if op.threshold[k] < op.high
    )


def edges_met(graph: Graph, rows: Array, steps: int | None = None) -> set[Edge]:
    """Return the edges that rows meet. steps: of a sequence, of a model with states."""
    sums = FastSimulator(graph, steps).trace(rows).accumulators
    assert sums is not None  # trace() always returns them
    met = set()
    for node, op, part in _traced(graph, sums):
        off = part.reshape(-1, op.size)[:, :MOST_NEURONS] - op.threshold[:MOST_NEURONS]
        for side in SIDES:
            for k in np.flatnonzero((off == side).any(axis=0)).tolist():
                met.add(Edge(node.name, k, side))
    return met


def threshold_rows(graph: Graph, starts: Array, seed: int = 0) -> Array:
    """Return rows that bring neurons to the edges of their thresholds, as many as can be found.

    The first layer's currents are solved exactly. Neurons behind others are searched for from the
    nearest of `starts`, element by element; only exact membranes decide.
    """
    owed, found = edges_of(graph), [starts[:0]]
    for node, op in _layers(graph):
        if node.inputs[0] in graph.inputs:
            found.append(_solved(graph, op, seed))
    met = edges_met(graph, np.concatenate([*found, starts]))
    missing = [edge for edge in owed if edge not in met]
    if missing and len(starts):
        found.append(_searched(graph, missing, starts, seed))
    return np.concatenate(found).astype(starts.dtype)


def has_neurons(graph: Graph) -> bool:
    """Return whether anything in the network fires."""
    return any(True for _ in _layers(graph))


def threshold_sequences(graph: Graph, steps: int, seed: int = 0) -> Array:
    """Return sequences of a stream whose first step brings a neuron to the edge of its threshold.

    In the other steps inputs are zero, so that leak and reset are seen alone.
    """
    low, high = (limit.astype(np.int64) for limit in row_limits(graph))
    first = [_solved(graph, op, seed) for n, op in _layers(graph) if n.inputs[0] in graph.inputs]
    rows = np.concatenate([np.empty((0, len(low)), np.int64), *first])
    sequences = np.tile(np.clip(0, low, high), (len(rows), steps, 1))
    sequences[:, 0] = rows
    return sequences.reshape(-1, len(low))


def membrane_extremes(graph: Graph) -> Array:
    """Return rows that charge and drain each neuron of a first layer as much as inputs can."""
    low, high = (limit.astype(np.int64) for limit in row_limits(graph))
    rows = [np.empty((0, len(low)), np.int64)]
    for node, op in _layers(graph):
        if node.inputs[0] in graph.inputs:
            steps = len(low) // op.weight.shape[1]
            up = np.tile(op.weight.astype(np.int64) > 0, (1, steps))
            rows += [np.where(up, high, low), np.where(up, low, high)]
            later = np.arange(len(low)) >= len(low) // 2  # drained first, then charged
            rows.append(np.where(up == later, high, low))
    return np.concatenate(rows)


def _layers(graph: Graph) -> Iterator[tuple[Node, QuantizedLif]]:
    for node in graph.nodes:
        if isinstance(node.op, QuantizedLif):
            yield node, node.op


def _traced(graph: Graph, sums: Array) -> Iterator[tuple[Node, QuantizedLif, Array]]:
    """Yield the membranes that firing tested of each layer, (rows, steps * n)."""
    start = 0
    for node, size in zip(graph.nodes, trace_sizes(graph), strict=True):
        if isinstance(node.op, QuantizedLif):
            yield node, node.op, sums[:, start : start + size].astype(np.int64)
        start += size


def _solved(graph: Graph, op: QuantizedLif, seed: int) -> Array:
    """Return rows of a first layer. A current goes on for all steps (direct), or for one."""
    low, high = (limit.astype(np.int64) for limit in row_limits(graph))
    width = op.weight.shape[1]
    direct = len(low) == width and op.steps >= 1
    rows = []
    for k in range(min(op.size, MOST_NEURONS)):
        weight = op.weight[k].astype(np.int64)
        for side in SIDES:
            wanted = _wanted_sums(op, k, side, low[:width], high[:width], held=direct)
            for total in wanted:
                x = _inputs_of(weight, total, low[:width], high[:width], seed)
                if x is not None:
                    rows.append(x if direct else np.concatenate([x, _quiet(low, high, width)]))
                    break
    return np.array(rows, dtype=np.int64).reshape(-1, len(low))


def _quiet(low: Array, high: Array, width: int) -> Array:
    return np.asarray(np.clip(0, low[width:], high[width:]))


def _wanted_sums(
    op: QuantizedLif, k: int, side: int, low: Array, high: Array, *, held: bool
) -> list[int]:
    """Return sums of products whose current brings a membrane to the edge in some step."""
    weight = op.weight[k].astype(np.int64)
    ends = weight * low, weight * high
    least, most = int(np.minimum(*ends).sum()), int(np.maximum(*ends).sum())
    sums = np.arange(max(least, -60_000), min(most, 60_000) + 1)
    one = _alone(op, k)
    currents = ((sums << op.fraction) + int(op.bias[k]))[:, None]
    zero = np.zeros_like(currents)
    state, found = State(zero, zero, zero), list[int]()
    for _ in range(op.steps if held else 1):
        state, _, tested = step_of(one, state, currents)
        at = np.flatnonzero(tested[:, 0] == int(op.threshold[k]) + side)
        found += sums[at[:2]].tolist()
    return found[:4]


def _alone(op: QuantizedLif, k: int) -> QuantizedLif:
    fields = ("weight", "bias", "threshold", "leak", "v_reset", "unit")
    one = {name: getattr(op, name)[k : k + 1] for name in fields}
    return replace(op, **one, synaptic=op.synaptic[k : k + 1])


def _inputs_of(weight: Array, total: int, low: Array, high: Array, seed: int) -> Array | None:
    found, hit = solve_sums(weight[None], np.array([total]), low, high, seed)
    if hit[0]:
        return np.asarray(found[0])
    try:
        exact: Array | None = decide_sum(weight, total, low, high)
    except OverflowError:
        return None
    return exact


def _searched(graph: Graph, missing: list[Edge], starts: Array, seed: int) -> Array:
    """Return the nearest row of each edge after some rounds of moves of a few elements."""
    generator = np.random.Generator(np.random.PCG64([seed, 21]))
    low, high = (limit.astype(np.int64) for limit in row_limits(graph))
    simulator = FastSimulator(graph)
    distance = _Distance(graph, missing)
    of_starts = distance(simulator, starts)
    best: Array = starts[np.argmin(of_starts, axis=0)].astype(np.int64)
    nearest = of_starts.min(axis=0)
    for _ in range(ROUNDS):
        open_ = np.flatnonzero(nearest > 0)[:MOST_NEURONS]
        if not len(open_):
            break
        moved = np.repeat(best[open_], DRAWN, axis=0)
        for _ in range(2):
            at = generator.integers(0, moved.shape[1], len(moved))
            drawn = generator.integers(low[at], high[at] + 1)
            moved[np.arange(len(moved)), at] = drawn
        found = distance(simulator, moved.astype(starts.dtype))
        for place, number in enumerate(open_.tolist()):
            mine = found[place * DRAWN : (place + 1) * DRAWN, number]
            at_best = int(np.argmin(mine))
            if mine[at_best] <= nearest[number]:
                nearest[number] = mine[at_best]
                best[number] = moved[place * DRAWN + at_best]
    return best


class _Distance:
    """How far the nearest step of each row is from each edge: (rows, edges)."""

    def __init__(self, graph: Graph, edges: list[Edge]) -> None:
        self._graph, self._edges = graph, edges

    def __call__(self, simulator: FastSimulator, rows: Array) -> Array:
        sums = simulator.trace(rows).accumulators
        assert sums is not None  # trace() always returns them
        off = {
            node.name: part.reshape(len(rows), -1, op.size) - op.threshold
            for node, op, part in _traced(self._graph, sums)
        }
        each = [np.abs(off[e.node][:, :, e.neuron] - e.side).min(axis=1) for e in self._edges]
        distances: Array = np.stack(each, axis=1)
        return distances
