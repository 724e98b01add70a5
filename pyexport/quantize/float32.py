"""The float32 scheme: the same graph with single-precision parameters, summed in a fixed order."""

from dataclasses import replace

import numpy as np

from pyexport.errors import InvalidModelError, UnsupportedOperatorError
from pyexport.ir import (
    DEFAULT_FLOAT_RANGE,
    Affine,
    FloatArray,
    Graph,
    Linear,
    Node,
    Softmax,
    Tensor,
)
from pyexport.quantize.diagnosis import no_kernel, node_title, refuse_without_kernel
from pyexport.quantize.observers import InputRanges, Range, range_of

OPERATORS = (Linear, Affine, Softmax)  # with a float32 kernel
MAGNITUDE_LIMIT = 2.0**127  # half of the largest float32: room for the rounding of sums


def to_float32(graph: Graph, input_range: InputRanges | None = None) -> Graph:
    """Return the graph with float32 weights, biases and limits, rounded to nearest even.

    Raises InvalidModelError if a parameter leaves float32, or a sum could on inputs in input_range
    (DEFAULT_FLOAT_RANGE if None); UnsupportedOperatorError for an operator without a kernel.
    """
    refuse_without_kernel(graph, OPERATORS, "float32")
    for node in graph.nodes:
        if isinstance(node.op, Softmax) and not _one_vector(node.op, graph.tensor(node.inputs[0])):
            raise UnsupportedOperatorError(f"{node_title(node)}: {no_kernel(node.op, 'float32')}")
    converted = replace(graph, nodes=tuple(_convert(node) for node in graph.nodes))
    _check_magnitudes(converted, input_range or DEFAULT_FLOAT_RANGE)
    return converted


def _one_vector(op: Softmax, tensor: Tensor) -> bool:
    """Return whether the softmax is over all of its tensor."""
    return tensor.shape[op.axis] == tensor.size


def _check_magnitudes(graph: Graph, ranges: InputRanges) -> None:
    """Raise InvalidModelError if the sum of all products' magnitudes could pass the limit."""
    bounds, source = dict[str, FloatArray](), dict[str, Range]()
    for name in graph.inputs:
        source[name] = range_of(ranges, name)
        bounds[name] = np.full(graph.tensor(name).size, max(map(abs, source[name])))
    for node in graph.nodes:
        op, largest, input_range = node.op, bounds[node.inputs[0]], source[node.inputs[0]]
        if isinstance(op, Linear):
            weight, bias = np.abs(op.weight.astype(np.float64)), np.abs(op.bias.astype(np.float64))
            sums = (weight * largest).sum(axis=1) + bias
            _refuse_overflow(node, sums, input_range)
            largest = np.minimum(sums, max(abs(op.low), abs(op.high)))
        elif isinstance(op, Affine):
            repeats = len(largest) // len(op.scale)
            sums = np.tile(np.abs(op.scale), repeats) * largest + np.tile(np.abs(op.shift), repeats)
            _refuse_overflow(node, sums, input_range)
            largest = np.minimum(sums, max(abs(op.low), abs(op.high)))
        else:
            largest = np.ones_like(largest)  # softmax
        bounds[node.outputs[0]], source[node.outputs[0]] = largest, input_range


def _refuse_overflow(node: Node, sums: FloatArray, input_range: tuple[float, float]) -> None:
    if sums.max(initial=0.0) > MAGNITUDE_LIMIT:
        raise InvalidModelError(
            f"{node_title(node)}: a sum can pass the largest float32 on inputs in "
            f"{input_range[0]:.9g}..{input_range[1]:.9g}; scale the weights down"
        )


def _convert(node: Node) -> Node:
    op = node.op
    if isinstance(op, Softmax):
        return node
    if isinstance(op, Affine):
        names = ("scale", "shift")
    elif isinstance(op, Linear):
        names = ("weight", "bias")
    else:
        raise UnsupportedOperatorError(f"{node_title(node)}: {no_kernel(op, 'float32')}")
    with np.errstate(over="ignore"):
        arrays = {name: getattr(op, name).astype(np.float32) for name in names}
        low, high = float(np.float32(op.low)), float(np.float32(op.high))
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise InvalidModelError(f"{node_title(node)}: a parameter is too large for float32")
    return replace(node, op=replace(op, **arrays, low=low, high=high))
