"""Gradients of the integer model: exact integer values, roundings passed straight through.

Forward is what the device computes. Backward each layer has the derivative that it had without its
rounding, and where a limit clips, a small share of it, so that a saturated neuron can still be
steered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.gradients import Pull, ValueAndGradient
from pyexport.integer.conv import QuantizedConv2d
from pyexport.integer.elementwise import QuantizedAdd
from pyexport.integer.pool import (
    QuantizedAveragePool2d,
    QuantizedMaxPool2d,
    QuantizedReduce,
    QuantizedReduceMax,
)
from pyexport.integer.shape import QuantizedConcat, QuantizedGather
from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.integer.table import QuantizedTable
from pyexport.ir import (
    Array,
    Conv2d,
    FloatArray,
    Graph,
    MaxPool2d,
    Node,
    Op,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSoftmax,
    QuantParams,
)
from pyexport.reference.registry import RULES
from pyexport.simulator.arrays import EVALUATORS
from pyexport.verify.surrogates import encode_back, lif_back, readout_back

LEAK = 0.02  # share of a gradient that passes a clamp which clips
CHUNK_ROWS = 4096
REACH = 4  # entries of a table to either side that tell its slope

# (operator, inputs, gradient on the output, graph, node) -> gradient on each input; all flat
Backward = Callable[[Any, list[FloatArray], FloatArray, Graph, Node], list[FloatArray]]


def of_integer_graph(graph: Graph) -> ValueAndGradient:
    """Return an exported int8 graph as a function of real rows, which it rounds to legal inputs.

    Outputs are real too; a softmax at the end is left out. Raises UnsupportedOperatorError for a
    layer that has no such gradient yet.
    """
    climbed = _without_softmax(graph)
    for node in climbed.nodes:
        if type(node.op) not in _BACKWARDS and type(node.op) not in _SEVERAL:
            raise UnsupportedOperatorError(
                f"node {node.name}: {node.op.kind} has no straight-through gradient; attack the "
                "float model, or by queries"
            )
    functions = [EVALUATORS[type(n.op)](n.op, *_ports(climbed, n)) for n in climbed.nodes]
    source, target = _quant(climbed, climbed.inputs[0]), _quant(climbed, climbed.outputs[0])

    def run(rows: FloatArray, pull: Pull) -> tuple[FloatArray, FloatArray]:
        starts = range(0, max(len(rows), 1), CHUNK_ROWS)
        parts = [_chunk(rows[start : start + CHUNK_ROWS]) for start in starts]
        outputs = np.concatenate([target.dequantize(part[climbed.outputs[0]]) for part in parts])
        seeds = pull(outputs) * target.unit
        gradients = []
        for number, values in enumerate(parts):
            seed = seeds[number * CHUNK_ROWS : (number + 1) * CHUNK_ROWS]
            gradients.append(_back(climbed, values, seed))
        return outputs, np.concatenate(gradients) / _unit_of_inputs(climbed, source)

    def _chunk(rows: FloatArray) -> dict[str, Array]:
        shaped = rows.reshape(len(rows), *climbed.input.shape)
        first = source.quantize(shaped).reshape(len(rows), climbed.input.size).astype(np.float32)
        values: dict[str, Array] = {climbed.inputs[0]: first}
        for node, function in zip(climbed.nodes, functions, strict=True):
            results = function(*(values[name] for name in node.inputs))
            values.update(zip(node.outputs, results[1], strict=True))
        return values

    return run


def _back(graph: Graph, values: dict[str, Array], seed: FloatArray) -> FloatArray:
    """Return the gradient on the input's integers."""
    gradients: dict[str, FloatArray] = {graph.outputs[0]: seed}
    for node in reversed(graph.nodes):
        several = _SEVERAL.get(type(node.op))
        if several is not None:
            found = [gradients.pop(name, None) for name in node.outputs]
            if any(one is not None for one in found):
                on = [np.zeros(values[n].shape) if one is None else one
                      for n, one in zip(node.outputs, found, strict=True)]  # fmt: skip
                inputs = [values[name].astype(np.float64) for name in node.inputs]
                _gather_in(gradients, node, several(node.op, inputs, on, graph, node))
            continue
        gradient = gradients.pop(node.outputs[0], None)
        if gradient is None:
            continue
        if not isinstance(node.op, _COPIES):
            quant, y = _quant(graph, node.outputs[0]), values[node.outputs[0]]
            gradient = np.where((y > quant.low) & (y < quant.high), gradient, LEAK * gradient)
        inputs = [values[name].astype(np.float64) for name in node.inputs]
        _gather_in(
            gradients, node, _BACKWARDS[type(node.op)](node.op, inputs, gradient, graph, node)
        )
    size = graph.tensor(graph.inputs[0]).size
    return gradients.get(graph.inputs[0], np.zeros((len(seed), size)))


def _gather_in(gradients: dict[str, FloatArray], node: Node, backs: list[FloatArray]) -> None:
    """Add what comes back through a node to the gradients on its inputs."""
    for name, back in zip(node.inputs, backs, strict=True):
        gradients[name] = gradients[name] + back if name in gradients else back


def _factor(op: Any) -> FloatArray:
    """Return what one unit of an accumulator is worth in units of the output."""
    factor: FloatArray = np.ldexp(
        np.asarray(op.multiplier, dtype=np.float64), op.pre_shift - 16 - op.shift
    )
    return factor


def _linear(op: Any, x: Any, gradient: FloatArray, graph: Graph, node: Node) -> list[FloatArray]:
    return [gradient @ (op.weight * _factor(op)[:, None])]


def _affine(op: Any, x: Any, gradient: FloatArray, graph: Graph, node: Node) -> list[FloatArray]:
    slope = op.weight * _factor(op)
    return [gradient * np.tile(slope, gradient.shape[1] // len(slope))]


def _conv(
    op: Any, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    weight = op.weight * _factor(op)[:, None, None, None]
    zeros = np.zeros(len(weight))
    like = Conv2d(weight, zeros, op.stride, op.pad, op.dilation, op.groups)
    return _by_reference(like, x, gradient, graph, node)


def _max_pool(
    op: Any, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    source, target = graph.tensor(node.inputs[0]).shape, graph.tensor(node.outputs[0]).shape
    ends = [
        max(0, (target[a] - 1) * op.stride[a] + (op.kernel[a] - 1) * op.dilation[a] + 1
            - op.pad[a] - source[a])
        for a in (0, 1)
    ]  # fmt: skip
    like = MaxPool2d(op.kernel, op.stride, (*op.pad, ends[0], ends[1]), op.dilation)
    return _by_reference(like, x, gradient, graph, node)


def _by_reference(
    like: Op, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    rows, rule = len(gradient), RULES[type(like)]
    images = [x[0].reshape(rows, *graph.tensor(node.inputs[0]).shape)]
    outputs = rule.forward(like, images, False)
    shaped = gradient.reshape(rows, *graph.tensor(node.outputs[0]).shape)
    return [rule.backward(like, images, outputs, [shaped])[0].reshape(rows, -1)]


def _average_pool(
    op: Any, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    height, width, channels = graph.tensor(node.inputs[0]).shape
    down, across, _ = graph.tensor(node.outputs[0]).shape
    place = np.searchsorted(op.divisors, np.outer(op.rows, op.columns))
    share = gradient.reshape(-1, down, across, channels) * _factor(op)[place][:, :, None]
    back = np.zeros((len(gradient), height, width, channels))
    for i in range(down):
        for j in range(across):
            top, left = i * op.stride[0] - op.pad[0], j * op.stride[1] - op.pad[1]
            rows = slice(max(top, 0), max(top + op.kernel[0], 0))
            columns = slice(max(left, 0), max(left + op.kernel[1], 0))
            back[:, rows, columns] += share[:, i, j][:, None, None]
    return [back.reshape(len(gradient), -1)]


def _reduce(op: Any, x: Any, gradient: FloatArray, graph: Graph, node: Node) -> list[FloatArray]:
    share = (gradient * _factor(op)[0]).reshape(-1, op.outer, 1, op.inner)
    return [np.repeat(share, op.count, axis=2).reshape(len(gradient), -1)]


def _reduce_max(
    op: Any, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    lines = x[0].reshape(len(gradient), op.outer, op.count, op.inner)
    first = lines.argmax(axis=2)[:, :, None]
    back = np.zeros(lines.shape)
    np.put_along_axis(back, first, gradient.reshape(-1, op.outer, 1, op.inner), axis=2)
    return [back.reshape(len(gradient), -1)]


def _add(op: Any, x: Any, gradient: FloatArray, graph: Graph, node: Node) -> list[FloatArray]:
    out = graph.tensor(node.outputs[0]).shape
    backs = []
    for name, multiplier in zip(node.inputs, (op.multiplier_a, op.multiplier_b), strict=True):
        shape = graph.tensor(name).shape
        back = (gradient * np.ldexp(float(multiplier), -op.shift)).reshape(-1, *out)
        shape = (1,) * (len(out) - len(shape)) + shape
        repeated = tuple(a + 1 for a, n in enumerate(shape) if n == 1 and out[a] != 1)
        backs.append(back.sum(axis=repeated, keepdims=True).reshape(len(gradient), -1))
    return backs


def _gather(
    op: Any, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    index = np.array(op.offset)
    for size, stride in zip(op.sizes, op.strides, strict=True):
        index = index[..., None] + np.arange(size) * stride
    back = np.zeros_like(x[0])
    for source, share in zip(index.reshape(-1).tolist(), gradient.T, strict=True):
        back[:, source] += share
    return [back]


def _concat(
    op: Any, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    shapes = [graph.tensor(name).shape for name in node.inputs]
    whole = gradient.reshape(len(gradient), *graph.tensor(node.outputs[0]).shape)
    ends = np.cumsum([shape[op.axis] for shape in shapes])[:-1]
    parts = np.split(whole, ends, axis=op.axis + 1)
    return [part.reshape(len(gradient), -1) for part in parts]


def _table(
    op: Any, x: list[FloatArray], gradient: FloatArray, graph: Graph, node: Node
) -> list[FloatArray]:
    """Take the slope between entries on both sides, so far apart that their rounding is small."""
    quant, q = _quant(graph, node.inputs[0]), x[0].astype(np.int64)
    above, below = np.minimum(q + REACH, quant.high), np.maximum(q - REACH, quant.low)
    table = op.table.astype(np.float64)
    rise = table[above & 255] - table[below & 255]
    return [gradient * rise / np.maximum(above - below, 1)]


_COPIES = (QuantizedGather, QuantizedConcat, QuantizedMaxPool2d, QuantizedReduceMax)
_BACKWARDS: dict[type[Op], Backward] = {
    QuantizedLinear: _linear,
    QuantizedAffine: _affine,
    QuantizedConv2d: _conv,
    QuantizedMaxPool2d: _max_pool,
    QuantizedAveragePool2d: _average_pool,
    QuantizedReduce: _reduce,
    QuantizedReduceMax: _reduce_max,
    QuantizedAdd: _add,
    QuantizedGather: _gather,
    QuantizedConcat: _concat,
    QuantizedTable: _table,
}

# Of operators with several outputs, which take the gradients on all of them.
_SEVERAL: dict[type[Op], Callable[..., list[FloatArray]]] = {
    QuantizedLif: lif_back,
    QuantizedEncode: encode_back,
    QuantizedReadout: readout_back,
}


def _without_softmax(graph: Graph) -> Graph:
    last = graph.nodes[-1]
    if not isinstance(last.op, QuantizedSoftmax) or last.inputs[0] in graph.inputs:
        return graph
    tensors = tuple(t for t in graph.tensors if t.name not in last.outputs)
    return replace(graph, tensors=tensors, nodes=graph.nodes[:-1], outputs=last.inputs)


def _ports(graph: Graph, node: Node) -> tuple[list[Any], list[Any]]:
    return [graph.tensor(n) for n in node.inputs], [graph.tensor(n) for n in node.outputs]


def _quant(graph: Graph, name: str) -> QuantParams:
    quant = graph.tensor(name).quant
    if quant is None:
        raise UnsupportedOperatorError(f"{name}: a float32 model has no integer gradients")
    return quant


def _unit_of_inputs(graph: Graph, source: QuantParams) -> Any:
    if not source.steps:
        return source.scale
    return np.tile(np.array(source.steps), graph.input.size // len(source.steps))
