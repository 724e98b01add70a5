"""Decides whether the first linear layer gets an integer front end: an affine map of each column.

int8 has one scale for the whole input and one for the weights of an output. Columns that differ
widely in size lose their codes to the first, or their weights to the second. A front end brings
every column to -1..1 first, whatever stood before the layer in the float network, and the layer's
weights are changed to fit: the function stays the same but for rounding and saturation.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pyexport.errors import QuantizationError
from pyexport.ir import (
    Affine,
    Array,
    Dataset,
    FloatArray,
    Graph,
    Linear,
    Node,
    QuantizedLinear,
    Tensor,
)
from pyexport.quantize.observers import InputRanges, Range, range_of
from pyexport.quantize.ptq import quantize_int8
from pyexport.quantize.schemes import input_params
from pyexport.reference import forward
from pyexport.sensor import FRONT_END
from pyexport.simulator.fast import FastSimulator

NOTABLE = 2.0  # times the error behind a front end that the layer alone may have: one bit
MARGIN = 1 / 8  # of a column's width, on either side, until it saturates
BALANCES = (0.0, 0.25, 0.5)  # powers of a column's weight in its share of the codes
FEW_ROWS = 10  # with less of them, it may be chance that a column has one value in all
MAX_ROWS = 2_000  # of calibration data that errors are measured on


def with_front_end(
    graph: Graph,
    ranges: InputRanges,
    calibration: Dataset | None,
    evaluation: Dataset | None,
    *,
    per_channel: bool = True,
) -> tuple[Graph, tuple[str, ...]]:
    """Return the graph with an affine node before the first linear layer if it earns its place.

    It does if the layer alone has more than NOTABLE times the error of the layer behind a front
    end, in integers, on the calibration rows. Without rows, or where anything else reads the input,
    or there are several, the graph comes back as it is. Also returned is what its user should know.
    """
    first = _only_reader(graph)
    if first is None or calibration is None or len(calibration.inputs) == 0:
        return graph, ()
    linear = first.op
    assert isinstance(linear, Linear)  # _only_reader looked
    input_range = range_of(ranges, graph.input.name)
    rows = Dataset(calibration.inputs.reshape(len(calibration.inputs), -1)[:MAX_ROWS])
    whole = input_params(input_range, calibration, evaluation)
    spans = _spans(rows.inputs, input_range, (whole.scale, whole.zero_point) == (1.0, 0))
    if not (spans[1] > spans[0]).any():
        return graph, ()  # one row tells of no column how far it goes

    def error(ops: tuple[Affine | Linear, ...]) -> float:
        head = _chain(graph.input, ops)
        try:
            integer = quantize_int8(head, input_range, rows, evaluation, per_channel=per_channel)
        except QuantizationError:
            return math.inf
        return _error(head, integer.graph, rows.inputs, linear)

    alone = error((linear,))
    pairs = [_pair(linear, *spans, balance) for balance in BALANCES]
    errors = [error(pair) for pair in pairs]
    best = int(np.argmin(errors))
    if not alone > NOTABLE * errors[best]:
        return graph, ()
    affine, behind = pairs[best]
    notes = (*_constant_columns(linear, affine), *_outside(linear, evaluation, *spans))
    return _inserted(graph, first, affine, behind), notes


def _only_reader(graph: Graph) -> Node | None:
    """Return the linear layer that alone reads the only input, if that is so."""
    if len(graph.inputs) > 1:
        return None
    readers = graph.users(graph.input.name)
    alone = len(readers) == 1 and graph.input.name not in graph.outputs
    return readers[0] if alone and isinstance(readers[0].op, Linear) else None


def _spans(rows: FloatArray, input_range: Range, is_integral: bool) -> tuple[Array, Array]:
    """Return between which values each column is told apart: (columns,) both.

    These are the values in the rows and a margin, inside the declared range; of a column that few
    rows show constant, and whose declared range fits a byte, that range.
    """
    least, most = rows.min(axis=0), rows.max(axis=0)
    width = most - least
    low = np.maximum(least - MARGIN * width, np.minimum(input_range[0], least))
    high = np.minimum(most + MARGIN * width, np.maximum(input_range[1], most))
    unsure = (width == 0.0) & (is_integral and len(rows) < FEW_ROWS)
    return np.where(unsure, input_range[0], low), np.where(unsure, input_range[1], high)


def _pair(linear: Linear, low: Array, high: Array, balance: float) -> tuple[Affine, Linear]:
    """Return a front end and the layer behind it, together the layer but for the clamp to -1..1.

    A column takes part of the codes by the largest share that it can have in an output, to the
    power of `balance`: 0 gives all of them to every column, 1/2 as many as to its weights. One
    that is constant in the rows becomes part of the bias.
    """
    weight, bias = linear.weight.astype(np.float64), linear.bias.astype(np.float64)
    center, reach = (low + high) / 2.0, (high - low) / 2.0
    parts = np.abs(weight) * reach
    largest = parts.max(axis=1, keepdims=True)
    share = (parts / np.where(largest > 0.0, largest, 1.0)).max(axis=0, initial=0.0)
    used = (reach > 0.0) & (share > 0.0)
    codes = np.where(used, share, 1.0) ** balance  # of -1..1
    scale = np.where(used, codes / np.where(used, reach, 1.0), 0.0)
    behind = np.where(used, weight / np.where(used, scale, 1.0), 0.0)
    affine = Affine(scale, -scale * center, -1.0, 1.0)
    return affine, replace(linear, weight=behind, bias=bias + (weight * center).sum(axis=1))


def _chain(source: Tensor, ops: tuple[Affine | Linear, ...]) -> Graph:
    """Return a graph of these operators alone, on a flat input."""
    tensors, nodes = [replace(source, shape=(source.size,))], []
    for number, op in enumerate(ops):
        size = len(op.bias) if isinstance(op, Linear) else len(op.scale)
        before = tensors[-1].name
        tensors.append(Tensor(f"{source.name}_{number}", (size,)))
        nodes.append(Node(f"node{number}", op, (before,), (tensors[-1].name,)))
    return Graph(tuple(tensors), tuple(nodes), (source.name,), (tensors[-1].name,))


def _error(head: Graph, integer: Graph, rows: FloatArray, linear: Linear) -> float:
    """Return the root mean square error of the layer's outputs, in output steps.

    That of its sums before any clamp, and the 1/12 squared steps that rounding an output costs.
    """
    source, last = integer.input.quant, integer.nodes[-1]
    behind, output = integer.tensor(last.inputs[0]).quant, integer.output.quant
    assert source is not None and behind is not None and output is not None  # of an integer graph
    assert isinstance(last.op, QuantizedLinear)  # the chain ends in one
    sums = FastSimulator(integer).trace(source.quantize(rows)).accumulators
    assert sums is not None  # trace() always returns them
    real = sums[:, -len(last.op.bias) :] * (behind.unit * last.op.weight_scale)
    exact = forward(_chain(head.input, (replace(linear, low=-math.inf, high=math.inf),)), rows)
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.sqrt((((real - exact) / output.scale) ** 2).mean() + 1.0 / 12.0))
    return error if math.isfinite(error) else math.inf


def _inserted(graph: Graph, first: Node, affine: Affine, linear: Linear) -> Graph:
    between = Tensor(f"{first.outputs[0]}_front", graph.input.shape)
    front = Node(f"{first.name}_front", affine, first.inputs, (between.name,), FRONT_END)
    behind = replace(first, op=linear, inputs=(between.name,))
    nodes = [n for node in graph.nodes for n in ((front, behind) if node is first else (node,))]
    return replace(graph, tensors=(*graph.tensors, between), nodes=tuple(nodes))


def _constant_columns(linear: Linear, affine: Affine) -> tuple[str, ...]:
    lost = np.flatnonzero((affine.scale == 0.0) & (linear.weight != 0.0).any(axis=0))
    if not len(lost):
        return ()
    shown = ", ".join(map(str, lost[:8])) + (", ..." if len(lost) > 8 else "")
    return (
        f"input columns {shown} ({len(lost)} of {len(affine.scale)}) have one value in all "
        "calibration rows and are taken as constant; if they can change, add rows that show it",
    )


def _outside(
    linear: Linear, evaluation: Dataset | None, low: Array, high: Array
) -> tuple[str, ...]:
    """Return the warning that evaluation rows leave what the front end tells apart."""
    if evaluation is None or len(evaluation.inputs) == 0:
        return ()
    values = evaluation.inputs.reshape(len(evaluation.inputs), -1)
    beyond = ((values < low) | (values > high)) & (linear.weight != 0.0).any(axis=0)
    if not beyond.any():
        return ()
    return (
        f"{beyond.sum()} of {values.size} evaluation values, in {beyond.any(axis=1).sum()} of "
        f"{len(values)} rows, lie beyond the calibration rows and an eighth of a column's width, "
        "where the front end saturates; calibrate with rows that show them",
    )
