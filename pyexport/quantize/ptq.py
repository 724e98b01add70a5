"""Post-training quantization: a float Graph and its tensor ranges become an integer Graph."""

import math
from dataclasses import dataclass, replace

import numpy as np

from pyexport.errors import CalibrationError, QuantizationError, UnsupportedOperatorError
from pyexport.integer import BY_TYPE
from pyexport.ir import (
    Affine,
    Calibration,
    Dataset,
    Graph,
    Linear,
    Node,
    QuantizedSoftmax,
    QuantParams,
    Softmax,
    Tensor,
)
from pyexport.quantize.affine import quantize_affine
from pyexport.quantize.diagnosis import no_kernel, node_title
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.observers import Range, interval_ranges, observed_ranges
from pyexport.quantize.raw_input import raw_input_params
from pyexport.quantize.rules import RULES, Outcome, Request
from pyexport.quantize.rules.base import one
from pyexport.quantize.schemes import clamped_params, input_params, range_params

SOFTMAX_OUTPUT = QuantParams("u8", 1 / 256, 0, 0, 255)
MAX_SOFTMAX_SIZE = 512  # the sum of 15-bit terms must be normalized by at most 8 bits


@dataclass(frozen=True, eq=False)
class Quantized:
    """The integer graph, where its ranges came from, and what the user should know."""

    graph: Graph
    calibration: Calibration
    warnings: tuple[str, ...] = ()


def quantize_int8(
    graph: Graph,
    input_range: Range,
    calibration: Dataset | None,
    evaluation: Dataset | None = None,
    *,
    per_channel: bool = True,
) -> Quantized:
    """Return the integer graph and where its ranges came from.

    Without calibration rows every range is the interval bound over input_range: nothing can clip,
    at the price of resolution. Calibration and evaluation rows tell whether inputs are whole
    numbers.
    """
    if calibration is not None:
        ranges = observed_ranges(graph, calibration)
        source = Calibration("data", len(calibration.inputs))
    else:
        ranges = interval_ranges(graph, input_range)
        source = Calibration("declared range", 0)
    params = {graph.input.name: _input(graph, input_range, calibration, evaluation)}
    nodes: list[Node] = []
    between: list[Tensor] = []
    warnings: list[str] = []
    for node in graph.nodes:
        sources = tuple(params[name] for name in node.inputs)
        outcome = _quantize_node(Request(node, sources, graph, ranges, per_channel))
        params.update(outcome.params)
        nodes += outcome.nodes
        between += outcome.tensors
        warnings += outcome.warnings
    integer = _integer_graph(graph, _live(nodes, graph), between, params)
    for node in integer.nodes:
        _prove(node, integer)
    return Quantized(integer, source, tuple(warnings))


def _live(nodes: list[Node], graph: Graph) -> tuple[Node, ...]:
    """Return the nodes whose results anything reads: a first state of zeros is not stored."""
    read = {*graph.outputs, *(state.write for state in graph.states)}
    live = []
    for node in reversed(nodes):
        if read.intersection(node.outputs):
            live.append(node)
            read.update(node.inputs)
    return tuple(reversed(live))


def _integer_graph(
    graph: Graph,
    nodes: tuple[Node, ...],
    between: list[Tensor],
    params: dict[str, QuantParams],
) -> Graph:
    kept = {*graph.inputs, *(name for node in nodes for name in node.outputs)}
    kept |= {state.read for state in graph.states}
    tensors = [t for t in (*graph.tensors, *between) if t.name in kept]
    return replace(
        graph, tensors=tuple(_quantized(t, params[t.name]) for t in tensors), nodes=nodes
    )


def _prove(node: Node, graph: Graph) -> None:
    """Raise QuantizationError unless the operator is legal and none of its sums can overflow."""
    record = BY_TYPE.get(type(node.op))
    if record is None:
        return
    try:
        record.check(
            node.op,
            [graph.tensor(name) for name in node.inputs],
            [graph.tensor(name) for name in node.outputs],
        )
    except ValueError as error:
        raise QuantizationError(
            f"{node_title(node)}: {error}; split the layer into narrower ones"
        ) from None


def _input(
    graph: Graph, input_range: Range, calibration: Dataset | None, evaluation: Dataset | None
) -> QuantParams:
    """Return the integers of the input: raw ones where a front end alone reads it."""
    readers = graph.users(graph.input.name)
    if len(readers) == 1 and isinstance(affine := readers[0].op, Affine):
        return raw_input_params(affine, input_range, calibration, evaluation)
    return input_params(input_range, calibration, evaluation)


def check_inside(dataset: Dataset, input_range: Range, what: str) -> None:
    """Raise CalibrationError if a row leaves the declared range of the input."""
    low, high = float(dataset.inputs.min()), float(dataset.inputs.max())
    if not (low >= input_range[0] and high <= input_range[1]):  # not of NaN either
        raise CalibrationError(
            f"{what} holds values {low:.9g}..{high:.9g}, outside the declared input range "
            f"{input_range[0]:.9g}..{input_range[1]:.9g}; declare the range that the sensor has"
        )


def _quantize_node(request: Request) -> Outcome:
    node, graph, where = request.node, request.graph, request.title
    op = node.op
    if type(op) in RULES:
        return RULES[type(op)](request)
    (source,) = request.sources
    if isinstance(op, Linear):
        wanted = range_params(*request.ranges[node.outputs[0]], signed=op.low < 0)
        wanted = clamped_params(wanted, op.low, op.high)
        layer = quantize_linear(where, op, source, wanted, per_channel=request.per_channel)
        return one(request, layer.op, wanted, layer.warnings)
    if isinstance(op, Affine):
        seen = request.ranges[node.outputs[0]]
        # Both limits of a front end are what it is for; the rows may reach less.
        whole = node.inputs[0] in graph.inputs and math.isfinite(op.high - op.low)
        wanted = range_params(*((op.low, op.high) if whole else seen), signed=op.low < 0)
        wanted = clamped_params(wanted, op.low, op.high)
        return one(request, quantize_affine(where, op, source, wanted), wanted)
    if isinstance(op, Softmax):
        size = graph.tensor(node.inputs[0]).size
        if size > MAX_SOFTMAX_SIZE:
            raise UnsupportedOperatorError(
                f"{where}: softmax over {size} values; the int8 kernel takes at most "
                f"{MAX_SOFTMAX_SIZE}; end the model at its logits"
            )
        return one(request, quantize_softmax(source), SOFTMAX_OUTPUT)
    raise UnsupportedOperatorError(f"{where}: {no_kernel(op, 'int8')}")


def quantize_softmax(source: QuantParams) -> QuantizedSoftmax:
    """Return the table of exp(-d * scale) in 1/32768, for d = 0..255 steps below the maximum."""
    table = np.floor(32768.0 * np.exp(-np.arange(256) * source.scale) + 0.5)
    table[0] = 32767
    return QuantizedSoftmax(np.minimum(table, 32767).astype(np.uint16))


def _quantized(tensor: Tensor, params: QuantParams) -> Tensor:
    # The legal bytes say the range: who declared it must not change the identity.
    return replace(tensor, dtype=params.dtype, quant=params, declared_range=None)
