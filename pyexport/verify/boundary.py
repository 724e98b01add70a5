"""Searches whole-network inputs that give every channel the accumulators it is owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.fixedpoint import clamp, requantize_q15x
from pyexport.gradients import ValueAndGradient
from pyexport.ir import Array, FloatArray, Graph, Node, QuantizedLinear
from pyexport.rows import input_tensors, row_limits, row_size
from pyexport.simulator.fast import FastSimulator, trace_sizes
from pyexport.verify.obligations import (
    Obligation,
    Window,
    by_places,
    limits_of,
    obligations_of,
    windows_of,
)
from pyexport.verify.straight_through import of_integer_graph
from pyexport.verify.sums import solve_sums

ROUNDS = 160
PATIENCE = 12  # rounds without gain after which a row starts again elsewhere
REACHES = (0.3, 0.7, 1.0, 1.5)  # shares of what is missing that whole moves are to bring
DRAWN, KEPT = 192, 12  # small moves drawn for each row, and how many of them are evaluated
MOST_MOVED = 4  # elements of a small move
WORK = 6e9  # multiplications of the search: large networks get fewer rounds


@dataclass(frozen=True, eq=False)
class Boundary:
    """A row for each obligation, and how it ended."""

    obligations: tuple[Obligation, ...]
    rows: Array  # (n, row size): hit or nearest
    reached: Array  # (n,): the accumulator that the row gives
    possible: tuple[tuple[int, int], ...]  # proved bounds of each over all inputs of the network

    @property
    def hit(self) -> Array:
        """Which obligations their row meets."""
        wanted = np.array([o.acc for o in self.obligations], dtype=np.int64)
        met: Array = self.reached == wanted
        return met

    def reason(self, number: int) -> str:
        """Return why an obligation is not met."""
        owed, (low, high) = self.obligations[number], self.possible[number]
        if not low <= owed.acc <= high:
            return f"proved: no input of the network leaves {low}..{high}"
        return f"not found; the nearest sum found is {int(self.reached[number])}"


def search_boundary(graph: Graph, starts: Array, seed: int = 0) -> Boundary:
    """Return rows of the whole network for its obligations, from rows that are known.

    First layers are solved exactly. Deeper sums start at the nearest known row; then elements go to
    their limits along the gradient of the integer network, or a few by some units such that the
    gradient predicts what is missing. Only exact sums decide. The same starts give the same rows.
    """
    owed = obligations_of(graph)
    low, high = (limit.astype(np.int64) for limit in row_limits(graph))
    rows = np.tile(low, (len(owed), 1))
    reached = np.zeros(len(owed), dtype=np.int64)
    possible: list[tuple[int, int]] = [(0, 0)] * len(owed)
    bounds = _bounds(graph)
    generator = np.random.Generator(np.random.PCG64([seed, 12]))
    for node in graph.nodes:
        which = np.array([i for i, o in enumerate(owed) if o.node == node.name], dtype=np.int64)
        if not len(which):
            continue
        windows = dict(windows_of(node, graph))
        mine = [owed[i] for i in which]
        for i in which.tolist():
            possible[i] = windows[owed[i].output].span(*bounds[node.inputs[0]])
        if node.inputs[0] in graph.inputs and len(graph.inputs) == 1:
            found = _solve(mine, windows, low, high, seed)
        else:
            found = _search(graph, node, mine, windows, starts, generator)
        rows[which] = found
        columns = np.array([o.column for o in mine])
        reached[which] = _sums(FastSimulator(graph, 1), found, columns)
    return Boundary(owed, rows, reached, tuple(possible))


def _solve(
    owed: Sequence[Obligation], windows: dict[int, Window], low: Array, high: Array, seed: int
) -> Array:
    """Return rows with the wanted sums of a first layer."""
    rows = np.tile(low, (len(owed), 1))
    for places, which in by_places(owed, windows):
        weight = np.array([windows[owed[i].output].weight for i in which])
        wanted = np.array([owed[i].acc - windows[owed[i].output].offset for i in which])
        found, _ = solve_sums(weight, wanted, low[places], high[places], seed)
        rows[np.ix_(np.array(which), places)] = found
    return rows


def _search(
    graph: Graph,
    node: Node,
    owed: Sequence[Obligation],
    windows: dict[int, Window],
    starts: Array,
    generator: np.random.Generator,
) -> Array:
    before = _before(graph, node)
    weights = np.zeros((len(owed), graph.tensor(node.inputs[0]).size))
    offsets = np.array([windows[o.output].offset for o in owed])
    for number, obligation in enumerate(owed):
        window = windows[obligation.output]
        weights[number, window.places] = window.weight
    wanted = np.array([o.acc for o in owed], dtype=np.int64)
    simulator = FastSimulator(before, 1)
    low, high = row_limits(graph)
    climb = _gradient_of(before, node.inputs[0])

    def sums(rows: Array, which: Array) -> Array:
        values = simulator.run(rows.astype(simulator.input_dtype)).astype(np.float64)
        found = np.rint((values * weights[which]).sum(axis=1)).astype(np.int64)
        result: Array = found + offsets[which]
        return result

    known = simulator.run(starts.astype(simulator.input_dtype)).astype(np.float64)
    order = np.argsort(np.abs(known @ weights.T + offsets - wanted), axis=0, kind="stable")[:24]
    rows = starts[order[0]].astype(np.int64)
    missing = wanted - sums(rows, np.arange(len(owed)))
    best, best_missing = rows.copy(), missing.copy()
    idle = np.zeros(len(owed), dtype=np.int64)
    rounds = _rounds(graph, len(owed))
    for _ in range(rounds):
        todo = np.flatnonzero(best_missing)
        if not len(todo):
            break
        again = todo[idle[todo] >= PATIENCE]
        rows[again] = starts[order[generator.integers(0, len(order), len(again)), again]]
        missing[again] = wanted[again] - sums(rows[again], again)
        idle[again] = 0
        gradient = climb(rows[todo], weights[todo])
        moves = _moves(rows[todo], missing[todo], gradient, (low, high), generator)
        each = moves.shape[1]
        found = sums(moves.reshape(len(todo) * each, -1), np.repeat(todo, each))
        left = wanted[todo, None] - found.reshape(len(todo), each)
        chosen = np.abs(left).argmin(axis=1)
        pick = np.arange(len(todo))
        gain = np.abs(left[pick, chosen]) < np.abs(missing[todo])
        take = np.flatnonzero(gain | (generator.random(len(todo)) < 0.2))
        rows[todo[take]], missing[todo[take]] = (
            moves[take, chosen[take]],
            left[take, chosen[take]],
        )
        idle[todo] = np.where(gain, 0, idle[todo] + 1)
        nearer = np.abs(missing) < np.abs(best_missing)
        best[nearer], best_missing[nearer] = rows[nearer], missing[nearer]
    return np.asarray(best)


def _moves(
    rows: Array,
    missing: Array,
    gradient: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    generator: np.random.Generator,
) -> Array:
    """Return proposals (n, moves, size) that the gradient says bring about what is missing."""
    low, high = (limit.astype(np.int64) for limit in limits)
    count, size = rows.shape
    proposals = []
    uphill = gradient * np.sign(missing)[:, None] > 0
    corner = np.where(uphill, high, low)
    gain = np.abs(gradient) * np.abs(corner - rows)
    for reach in REACHES:  # whole moves of some elements to their limits
        order = np.argsort(-gain * generator.random(gain.shape), axis=1)
        total = np.cumsum(np.take_along_axis(gain, order, 1), axis=1)
        inside = total <= reach * np.abs(missing)[:, None]
        moved = np.zeros(rows.shape, dtype=bool)
        np.put_along_axis(moved, order, inside, 1)
        proposals.append(np.where(moved, corner, rows))
    # a few elements by some units, chosen such that the prediction is nearest to what is missing
    column = generator.integers(0, size, (count, DRAWN, MOST_MOVED))
    widest = max(2, int((high - low).max()) // 4)
    step = np.rint(generator.normal(0.0, 1.0, column.shape) * widest / 2).astype(np.int64)
    step[:, :, 1:] *= generator.random(column[:, :, 1:].shape) < 0.6
    here = rows[np.arange(count)[:, None, None], column]
    step = np.clip(here + step, low[column], high[column]) - here
    predicted = (gradient[np.arange(count)[:, None, None], column] * step).sum(axis=2)
    still = ~step.any(axis=2)
    far = np.abs(predicted - missing[:, None]) + np.where(still, np.inf, 0.0)
    chosen = np.argpartition(far, KEPT, axis=1)[:, :KEPT]
    row = np.arange(count)[:, None]
    small = np.repeat(rows[:, None], KEPT, axis=1)
    for place in range(MOST_MOVED):
        at = column[row, chosen, place]
        small[row, np.arange(KEPT), at] += step[row, chosen, place]
    small = np.clip(small, low, high)
    return np.concatenate([np.stack(proposals, axis=1), small], axis=1)


def _gradient_of(before: Graph, name: str) -> Any:
    """Return a function (rows, weight on the tensor) -> gradient on the rows, in integers.

    Layers without a straight-through gradient give ones: then only the draw decides.
    """
    size = row_size(input_tensors(before))
    try:
        if len(before.inputs) > 1 or not before.nodes:
            raise UnsupportedOperatorError("no gradient of several inputs")
        model: ValueAndGradient = of_integer_graph(before)
    except UnsupportedOperatorError:
        return lambda rows, weights: np.ones((len(rows), size))
    source, output = before.input.quant, before.tensor(name).quant
    assert source is not None and output is not None  # integer graphs

    def climb(rows: Array, weights: FloatArray) -> FloatArray:
        real = source.dequantize(rows.reshape(len(rows), *before.input.shape))
        flat = real.reshape(len(rows), size)
        _, gradient = model(flat, lambda outputs: weights / output.unit)
        ones = source.dequantize(np.ones((1, *before.input.shape)))
        zeros = source.dequantize(np.zeros((1, *before.input.shape)))
        return gradient * (ones - zeros).reshape(1, size)

    return climb


def _before(graph: Graph, node: Node) -> Graph:
    """Return the part of a graph that computes the input of a node, which becomes its output."""
    name = node.inputs[0]
    needed, nodes = {name}, []
    for other in reversed(graph.nodes[: graph.nodes.index(node)]):
        if needed & set(other.outputs):
            nodes.append(other)
            needed |= set(other.inputs)
    made = {out for other in nodes for out in other.outputs}
    kept = needed | made | set(graph.inputs)
    tensors = tuple(t for t in graph.tensors if t.name in kept)
    return replace(graph, tensors=tensors, nodes=tuple(reversed(nodes)), outputs=(name,))


def _bounds(graph: Graph) -> dict[str, tuple[Array, Array]]:
    """Return bounds of each tensor's elements over all inputs of the network.

    Those of a linear layer's outputs are what its own sums can give; others are those of the
    tensor's type.
    """
    bounds = {t.name: limits_of(graph, t.name) for t in graph.tensors if t.quant is not None}
    for node in graph.nodes:
        if not isinstance(node.op, QuantizedLinear):
            continue
        name = node.outputs[0]
        low, high = (limit.copy() for limit in bounds[name])
        for output, window in windows_of(node, graph):
            ends = window.span(*bounds[node.inputs[0]])
            results = [_requantized(node, output, end, graph) for end in ends]
            low[output], high[output] = results
        bounds[name] = low, high
    return bounds


def _requantized(node: Node, channel: int, acc: int, graph: Graph) -> int:
    op: Any = node.op
    quant = graph.tensor(node.outputs[0]).quant
    assert quant is not None
    scaled = requantize_q15x(acc, int(op.multiplier[channel]), int(op.shift[channel]), op.pre_shift)
    return clamp(scaled + quant.zero_point, quant.low, quant.high)


def _rounds(graph: Graph, count: int) -> int:
    """Return how many rounds of proposals the work that is meant for it allows."""
    products = 0
    for node, size in zip(graph.nodes, trace_sizes(graph), strict=True):
        weight = getattr(node.op, "weight", None)
        each = 1 if weight is None or weight.ndim < 2 else weight[0].size
        products += size * each
    round_work = max(products, 1) * max(count, 1) * (len(REACHES) + KEPT + 2)
    return int(np.clip(WORK // round_work, 4, ROUNDS))


def _sums(simulator: FastSimulator, rows: Array, columns: Array) -> Array:
    """Return one accumulator of each row."""
    found = []
    block = max(1, (1 << 24) // max(1, sum(trace_sizes(simulator.graph))))
    for start in range(0, len(rows), block):
        part = rows[start : start + block].astype(simulator.input_dtype)
        traced = simulator.trace(part).accumulators
        assert traced is not None  # trace() always returns them
        found.append(traced[np.arange(len(part)), columns[start : start + block]])
    return np.concatenate(found).astype(np.int64)
