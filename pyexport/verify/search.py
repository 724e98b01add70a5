"""Extreme sums of layers that no formula inverts: first convolutions solved, the rest searched."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from pyexport.integer.conv import QuantizedConv2d
from pyexport.ir import Array, FloatArray, Graph, Node
from pyexport.rows import input_tensors, row_size, row_slices
from pyexport.simulator.fast import FastSimulator, trace_sizes

Generator = np.random.Generator
Limit = float | FloatArray  # of several inputs one an element of a row

GOALS_A_NODE = 12  # sums that are driven up and down in each layer
ROUNDS = 24
PLACES = 9  # of a first convolution: its corners, edges and middle


def searched_rows(
    graph: Graph, covered: set[str], starts: Array, low: Limit, high: Limit
) -> FloatArray:
    """Return rows that drive some sums of every other layer far up and far down.

    covered: names of nodes that need no search. A convolution of the input is solved: at nine
    places, each byte of the window at the limit that its weight's sign asks for. Other sums start
    from the best of `starts`; then random parts of the input go to its limits, and a step is kept
    if the exact sum moves the right way. The same graph and starts give the same rows.
    """
    size = row_size(input_tensors(graph))
    generator = np.random.Generator(np.random.PCG64([size, 4]))
    rows = [
        _solve_convolution(node, graph, low, high)
        for node in graph.nodes
        if isinstance(node.op, QuantizedConv2d) and node.inputs[0] in graph.inputs
    ]
    columns = _goals(graph, covered, generator)
    if len(columns):
        rows.append(_search(graph, columns, starts, (low, high), generator))
    return np.concatenate(rows) if rows else np.empty((0, size))


def part_of(graph: Graph, name: str) -> slice:
    """Return where an input lies in a row."""
    inputs = input_tensors(graph)
    return dict(zip(graph.inputs, row_slices(inputs), strict=True))[name]


def whole_rows(graph: Graph, name: str, signs: FloatArray, low: Limit, high: Limit) -> FloatArray:
    """Return rows with an input at its greatest value where signs (n, its size) say so.

    It is at its least elsewhere, and so are the other inputs.
    """
    part = part_of(graph, name)
    upwards = np.zeros((len(signs), row_size(input_tensors(graph))), dtype=bool)
    upwards[:, part] = signs > 0
    return np.where(upwards, high, low)


def _solve_convolution(node: Node, graph: Graph, low: Limit, high: Limit) -> FloatArray:
    """Return the rows with the largest and the smallest sum of every channel at nine places."""
    op = node.op
    assert isinstance(op, QuantizedConv2d)  # the caller's
    height, width, channels = graph.tensor(node.inputs[0]).shape
    out_height, out_width, n_out = graph.tensor(node.outputs[0]).shape
    places = product(*(sorted({0, n // 2, n - 1}) for n in (out_height, out_width)))
    _, kernel_height, kernel_width, per_group = op.weight.shape
    each = n_out // op.groups
    rows = []
    for y, x in places:
        signs = np.zeros((n_out, height, width, channels))
        for row, column in product(range(kernel_height), range(kernel_width)):
            at = y * op.stride[0] + row * op.dilation[0] - op.pad[0]
            to = x * op.stride[1] + column * op.dilation[1] - op.pad[1]
            if 0 <= at < height and 0 <= to < width:
                for o in range(n_out):
                    first = o // each * per_group
                    signs[o, at, to, first : first + per_group] = op.weight[o, row, column]
        flat = signs.reshape(n_out, -1)
        rows += [whole_rows(graph, node.inputs[0], s, low, high) for s in (flat, -flat)]
    return np.concatenate(rows)


def _goals(graph: Graph, covered: set[str], generator: Generator) -> npt.NDArray[np.int64]:
    """Return columns of the trace: the first, the last and some other sums of each layer."""
    chosen: list[int] = []
    start = 0
    for node, size in zip(graph.nodes, trace_sizes(graph), strict=True):
        if size and node.name not in covered:
            drawn = generator.integers(0, size, GOALS_A_NODE - 2).tolist()
            chosen += [start + index for index in sorted({0, size - 1, *drawn})]
        start += size
    return np.array(chosen, dtype=np.int64)


def _search(
    graph: Graph,
    columns: npt.NDArray[np.int64],
    starts: Array,
    limits: tuple[Limit, Limit],
    generator: Generator,
) -> FloatArray:
    simulator = FastSimulator(graph, 1)
    inputs = input_tensors(graph)
    dtype = np.float32 if inputs[0].quant is None else np.int64
    column = np.repeat(columns, 2)
    sign = np.tile([1.0, -1.0], len(columns))
    reached = _sums(simulator, starts.astype(dtype))[:, column] * sign
    best = np.argmax(reached, axis=0)
    rows = starts[best].astype(np.float64)
    values = reached[best, np.arange(len(column))]
    for step in range(ROUNDS):
        share = max(0.5 * 0.8**step, 1.0 / row_size(inputs))
        moved = generator.random(rows.shape) < share
        upwards = generator.choice((0.0, 1.0), size=rows.shape) > 0.0
        proposal = np.where(moved, np.where(upwards, limits[1], limits[0]), rows)
        sums = _sums(simulator, proposal.astype(dtype))[np.arange(len(column)), column] * sign
        better = sums > values
        rows = np.where(better[:, None], proposal, rows)
        values = np.where(better, sums, values)
    return np.asarray(rows)


def _sums(simulator: FastSimulator, rows: Array) -> FloatArray:
    accumulators = simulator.trace(rows).accumulators
    assert accumulators is not None  # trace() always returns them
    return accumulators.astype(np.float64)
