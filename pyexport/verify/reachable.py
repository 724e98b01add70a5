"""Bounds a deep sum of a network over all its inputs by mixed-integer programming (HiGHS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix, lil_matrix, vstack

from pyexport.ir import Array, FloatArray, Graph, Node, QuantizedLinear
from pyexport.rows import row_limits
from pyexport.verify.boundary import Boundary
from pyexport.verify.obligations import Obligation

SLACK = 1.0  # sums that the floating-point tolerances of the solver may cost


@dataclass(frozen=True, eq=False)
class Reach:
    """What is proved of a sum, and an input that comes near the end that was asked for."""

    bound: float  # no input of the network goes beyond; infinite: nothing is proved
    row: Array | None  # legal integers of the device; None: the solver found none


@dataclass(frozen=True, eq=False)
class _Layer:
    """Rows of the model that one layer adds: sums and bytes are affine in the layer before."""

    weight: FloatArray  # bytes of the layer before -> value before rounding, (outputs, inputs)
    offset: FloatArray
    floor: FloatArray  # the byte may lie so far below that value
    low: float
    high: float


def chain_before(graph: Graph, node: Node) -> list[Node] | None:
    """Return the linear layers that alone compute a linear layer's input, None for other graphs."""
    chain: list[Node] = []
    name = node.inputs[0]
    while name not in graph.inputs:
        before = next(n for n in graph.nodes if name in n.outputs)
        if not isinstance(before.op, QuantizedLinear):
            return None
        chain.append(before)
        name = before.inputs[0]
    return chain[::-1] if isinstance(node.op, QuantizedLinear) and len(graph.inputs) == 1 else None


def farthest(graph: Graph, node: Node, owed: Obligation, sign: int, seconds: float) -> Reach:
    """Return how far a sum can go up (sign 1) or down (-1), and an input near that end.

    Inputs and bytes are real numbers in the model, and rounding moves them by at most what it can:
    every network input is a point of it, so its bound holds for all of them.
    """
    chain = chain_before(graph, node)
    assert chain is not None and isinstance(node.op, QuantizedLinear)  # callers ask first
    low, high = (limit.astype(np.float64) for limit in row_limits(graph))
    layers = [_layer(graph, each) for each in chain]
    sizes = [len(low), *(len(layer.offset) for layer in layers)]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    values = int(starts[-1])
    count = values + 2 * sum(sizes[1:])  # a byte at its lower or at its upper limit: two binaries
    lower, upper = np.zeros(count), np.ones(count)
    lower[: sizes[0]], upper[: sizes[0]] = low, high
    blocks, right = [], []
    binary = values
    for number, layer in enumerate(layers):
        before = slice(starts[number], starts[number + 1])
        at = starts[number + 1]
        least, most = _spans(layer, lower[before], upper[before])
        block, limits = _rows(layer, (before, at, binary), (least, most), count)
        blocks.append(block)
        right.append(limits)
        size = len(layer.offset)
        lower[at : at + size] = np.clip(least - layer.floor, layer.low, layer.high)
        upper[at : at + size] = np.clip(most + 0.5, layer.low, layer.high)
        below, above = binary + np.arange(size), binary + size + np.arange(size)
        upper[below] = least - layer.floor < layer.low  # else it never is at that limit
        upper[above] = most + 0.5 > layer.high
        binary += 2 * size
    objective = np.zeros(count)
    objective[starts[-2] : starts[-1]] = -sign * node.op.weight[owed.channel].astype(np.float64)
    whole = np.zeros(count)
    whole[values:] = 1
    found: Any = milp(
        objective,
        integrality=whole,
        bounds=Bounds(lower, upper),
        constraints=LinearConstraint(vstack(blocks, format="csr"), -np.inf, np.concatenate(right)),
        options={"time_limit": seconds},
    )
    bias = int(node.op.bias[owed.channel])
    dual = found.mip_dual_bound
    bound = sign * np.inf if dual is None else sign * -dual + bias
    row = None if found.x is None else np.clip(np.rint(found.x[: sizes[0]]), low, high)
    return Reach(float(bound), None if row is None else row.astype(np.int64))


def bounds_of_rest(graph: Graph, found: Boundary, seconds: float = 20.0) -> dict[int, Reach]:
    """Return, by their numbers, how far the sums of obligations that were not met can go at all.

    Only those behind linear layers alone are asked for; each sum once in each direction, and for
    at most so many seconds.
    """
    known: dict[tuple[int, int], Reach] = {}
    reaches = {}
    for number in np.flatnonzero(~found.hit).tolist():
        owed = found.obligations[number]
        node = next(n for n in graph.nodes if n.name == owed.node)
        if not chain_before(graph, node):
            continue
        sign = 1 if owed.acc > found.reached[number] else -1
        if (owed.column, sign) not in known:
            known[owed.column, sign] = farthest(graph, node, owed, sign, seconds)
        reaches[number] = known[owed.column, sign]
    return reaches


def is_excluded(reach: Reach, owed: Obligation, reached: int) -> bool:
    """Return whether the bound proves that no input gives an owed sum beyond a reached one."""
    return excludes(reach, owed, 1 if owed.acc > reached else -1)


def excludes(reach: Reach, owed: Obligation, sign: int) -> bool:
    """Return whether the bound proves that no input gives an owed sum."""
    return sign * (owed.acc - reach.bound) > SLACK


def _layer(graph: Graph, node: Node) -> _Layer:
    op, quant = node.op, graph.tensor(node.outputs[0]).quant
    assert isinstance(op, QuantizedLinear) and quant is not None
    factor = np.ldexp(op.multiplier.astype(np.float64), op.pre_shift - 16 - op.shift)
    return _Layer(
        op.weight * factor[:, None],
        op.bias * factor + quant.zero_point,
        0.5 + np.ldexp(1.0, -op.shift.astype(np.int64)),
        float(quant.low),
        float(quant.high),
    )


def _spans(layer: _Layer, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    up, down = np.maximum(layer.weight, 0.0), np.minimum(layer.weight, 0.0)
    return up @ low + down @ high + layer.offset, up @ high + down @ low + layer.offset


def _rows(
    layer: _Layer,
    places: tuple[slice, int, int],
    spans: tuple[FloatArray, FloatArray],
    count: int,
) -> tuple[Any, FloatArray]:
    """Return rows <= limits of y = clamp(rounded(weight . x + offset)) with a and b binary.

    a: y is at the lower limit, b: at the upper. For t = weight . x + offset:
    y <= t + 1/2 + (low - least) a and y <= high - (high - low) a, and the same from above.
    """
    before, at, binary = places
    size = len(layer.offset)
    least, most = spans[0] - layer.floor, spans[1] + 0.5
    width = layer.high - layer.low
    rows, limits = lil_matrix((5 * size, count)), np.zeros(5 * size)
    for j in range(size):
        y, a, b = at + j, binary + j, binary + size + j
        rows[j, before], rows[j, y] = -layer.weight[j], 1.0
        rows[j, a], limits[j] = -max(0.0, layer.low - least[j]), layer.offset[j] + 0.5
        k = size + j
        rows[k, before], rows[k, y] = layer.weight[j], -1.0
        rows[k, b] = -max(0.0, most[j] - layer.high)
        limits[k] = layer.floor[j] - layer.offset[j]
        k = 2 * size + j
        rows[k, y], rows[k, a], limits[k] = 1.0, width, layer.high
        k = 3 * size + j
        rows[k, y], rows[k, b], limits[k] = -1.0, width, -layer.low
        k = 4 * size + j
        rows[k, a], rows[k, b], limits[k] = 1.0, 1.0, 1.0
    return csr_matrix(rows), limits
