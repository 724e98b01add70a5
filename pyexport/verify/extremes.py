"""Inputs that drive each accumulator to its extremes: where widths and clamps break."""

import numpy as np

from pyexport.ir import (
    Affine,
    Array,
    FloatArray,
    Graph,
    Linear,
    Node,
    Op,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSoftmax,
    QuantizedSums,
    Softmax,
)
from pyexport.rows import input_tensors, row_size
from pyexport.simulator.fast import FastSimulator, trace_sizes
from pyexport.verify.search import Limit, part_of, searched_rows, whole_rows

ROUNDS = 24
SUMS: tuple[type[Op], ...] = (Linear, QuantizedLinear, Affine, QuantizedAffine)
LEAK = 0.02  # gradient that passes a clamp, so that a saturated neuron can still be steered


def extreme_rows(graph: Graph, starts: Array, low: Limit, high: Limit) -> FloatArray:
    """Return, for every accumulator of a linear layer, a row that maximizes and one that minimizes.

    First layers are solved exactly: each input at the limit that its weight's sign asks for. Other
    inputs of the model are at their least meanwhile. All
    sums of a front end, which have an input each, reach their ends in one row.
    Deeper ones start from the best of `starts` and follow the gradient to corners of the input
    box, keeping a step only if the exact integer accumulator moves the right way. Some sums of
    every other layer are searched for (verify/search.py).
    """
    rows = [_solve_first(node, graph, low, high) for node in graph.nodes if _is_first(node, graph)]
    goals = _deeper_goals(graph)
    if len(goals):
        rows.append(_climb(graph, goals, starts.astype(np.float64), low, high))
    covered = {node.name for node in graph.nodes if _is_first(node, graph) or _is_softmax(node)}
    covered |= {graph.nodes[number].name for number in set(goals[:, 1].tolist())}
    rows.append(searched_rows(graph, covered, starts, low, high))
    return np.concatenate(rows)


def _is_first(node: Node, graph: Graph) -> bool:
    return isinstance(node.op, SUMS) and node.inputs[0] in graph.inputs


def _is_softmax(node: Node) -> bool:
    return isinstance(node.op, Softmax | QuantizedSoftmax)  # verify/softmax.py has rows for it


def _solve_first(node: Node, graph: Graph, low: Limit, high: Limit) -> FloatArray:
    name = node.inputs[0]
    factors = _factors(node.op, graph.tensor(name).size)
    weight = factors[None, :] if factors is not None else _weight(node)
    upwards = whole_rows(graph, name, weight, low, high)
    downwards = whole_rows(graph, name, np.where(weight > 0, 0.0, 1.0), low, high)
    return np.concatenate([upwards, downwards])


def _weight(node: Node) -> FloatArray:
    assert isinstance(node.op, Linear | QuantizedLinear)  # callers filter
    return node.op.weight.astype(np.float64)


def _factors(op: Op, size: int) -> FloatArray | None:
    """Return what an affine map multiplies each element of a flat tensor by, None for others."""
    if isinstance(op, QuantizedAffine):
        return np.tile(op.weight.astype(np.float64), size // len(op.weight))
    if isinstance(op, Affine):
        return np.tile(op.scale.astype(np.float64), size // len(op.scale))
    return None


def _on_inputs(node: Node, size: int, outputs: Array) -> FloatArray:
    """Return the derivatives of some sums of a layer on its inputs: (sums, size)."""
    factors = _factors(node.op, size)
    if factors is None:
        return _weight(node)[outputs]
    return np.eye(size)[outputs] * factors


def _backwards(node: Node, size: int, gradient: FloatArray) -> FloatArray:
    """Return a gradient on a layer's inputs from one on its sums."""
    factors = _factors(node.op, size)
    return gradient @ _weight(node) if factors is None else gradient * factors


def _deeper_goals(graph: Graph) -> Array:
    """Return (column in the trace, node, output, direction) of each accumulator to drive."""
    goals = []
    start = 0
    linear = set(graph.inputs)  # tensors that only linear and affine layers lie before
    for number, (node, size) in enumerate(zip(graph.nodes, trace_sizes(graph), strict=True)):
        if isinstance(node.op, SUMS) and node.inputs[0] in linear:
            linear.update(node.outputs)
        if node.outputs[0] in linear and not _is_first(node, graph):
            for output in range(size):
                goals += [(start + output, number, output, sign) for sign in (1, -1)]
        start += size
    return np.array(goals, dtype=np.int64).reshape(-1, 4)


def _climb(graph: Graph, goals: Array, starts: FloatArray, low: Limit, high: Limit) -> FloatArray:
    simulator = FastSimulator(graph, 1)
    inputs = input_tensors(graph)
    dtype = np.float32 if inputs[0].quant is None else np.int64
    column, sign = goals[:, 0], goals[:, 3]
    candidates = _sums(simulator, starts.astype(dtype))
    best = np.argmax(candidates[:, column] * sign, axis=0)
    rows: FloatArray = starts[best]
    values = (candidates[best, column] * sign).astype(np.float64)
    share = 1.0
    for _ in range(ROUNDS):
        gradient = _gradient(graph, simulator, rows.astype(dtype), goals)
        gain = np.where(gradient > 0, high - rows, rows - low) * np.abs(gradient)
        moved = gain >= np.quantile(gain, 1.0 - share, axis=1, keepdims=True)
        proposal = np.where(moved & (gain > 0), np.where(gradient > 0, high, low), rows)
        reached = _sums(simulator, proposal.astype(dtype))[np.arange(len(goals)), column] * sign
        better = reached > values
        rows = np.where(better[:, None], proposal, rows)
        values = np.where(better, reached, values)
        share = min(1.0, max(share * 0.8, 1.5 / row_size(inputs)))
    return rows


def _sums(simulator: FastSimulator, rows: Array) -> FloatArray:
    accumulators = simulator.trace(rows).accumulators
    assert accumulators is not None  # trace() always returns them
    return accumulators.astype(np.float64)


def _gradient(graph: Graph, simulator: FastSimulator, rows: Array, goals: Array) -> FloatArray:
    """Return d(sign * accumulator) / d(input) of each goal at its row, clamps leaking a little."""
    sums = _sums(simulator, rows)
    sizes = trace_sizes(graph)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    producer = {node.outputs[0]: number for number, node in enumerate(graph.nodes)}
    result = np.zeros((len(goals), row_size(input_tensors(graph))))
    for number in sorted(set(goals[:, 1].tolist())):
        chosen = goals[:, 1] == number
        node = graph.nodes[number]
        name = node.inputs[0]
        gradient = _on_inputs(node, graph.tensor(name).size, goals[chosen, 2])
        gradient = gradient * goals[chosen, 3, None]
        while name not in graph.inputs:
            behind = producer[name]
            node = graph.nodes[behind]
            own = sums[chosen, starts[behind] : starts[behind + 1]]
            name = node.inputs[0]
            gradient = gradient * _slope(node, graph, own)
            gradient = _backwards(node, graph.tensor(name).size, gradient)
        result[chosen, part_of(graph, name)] = gradient
    return result


def _slope(node: Node, graph: Graph, sums: FloatArray) -> FloatArray:
    """Return the derivative of a layer's output on its accumulators, LEAK where it saturates."""
    op = node.op
    if isinstance(op, QuantizedSums):
        quant = graph.tensor(node.outputs[0]).quant
        assert quant is not None  # integer layers have quantized outputs
        ratio: FloatArray = np.ldexp(op.multiplier.astype(np.float64), op.pre_shift - 16 - op.shift)
        ratio = np.tile(ratio, sums.shape[1] // len(ratio))
        real = sums * ratio + quant.zero_point
        return np.where((real > quant.low) & (real < quant.high), 1.0, LEAK) * ratio
    assert isinstance(op, Linear | Affine)  # no goal lies behind another operator
    return np.where((sums > op.low) & (sums < op.high), 1.0, LEAK)
