"""Post-training quantization: a float Graph and its tensor ranges become an integer Graph."""

from dataclasses import replace

import numpy as np

from pyexport.errors import CalibrationError, UnsupportedOperatorError
from pyexport.ir import (
    Calibration,
    Dataset,
    Graph,
    Linear,
    Node,
    Op,
    QuantizedSoftmax,
    QuantParams,
    Softmax,
    Tensor,
)
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.observers import Range, interval_ranges, observed_ranges
from pyexport.quantize.schemes import clamped_params, input_params, range_params

SOFTMAX_OUTPUT = QuantParams("u8", 1 / 256, 0, 0, 255)
MAX_SOFTMAX_SIZE = 512  # the sum of 15-bit terms must be normalized by at most 8 bits


def quantize_int8(
    graph: Graph,
    input_range: Range,
    calibration: Dataset | None,
    samples: Dataset | None = None,
    *,
    per_channel: bool = True,
) -> tuple[Graph, Calibration]:
    """Return the integer graph and where its ranges came from.

    Without calibration rows every range is the interval bound over input_range: nothing can clip,
    at the price of resolution. `samples` (any real rows) tell whether inputs are whole numbers.
    """
    rows = calibration if calibration is not None else samples
    if calibration is not None:
        ranges = observed_ranges(graph, calibration)
        source = Calibration("data", len(calibration.inputs))
    else:
        ranges = interval_ranges(graph, input_range)
        source = Calibration("declared range", 0)
    params = {graph.input.name: input_params(input_range, rows)}
    nodes = []
    for node in graph.nodes:
        op, output = _quantize_node(node, params[node.inputs[0]], ranges, graph, per_channel)
        params[node.outputs[0]] = output
        nodes.append(replace(node, op=op))
    tensors = tuple(_quantized(t, params[t.name]) for t in graph.tensors)
    return replace(graph, tensors=tensors, nodes=tuple(nodes)), source


def check_inside(dataset: Dataset, input_range: Range, what: str) -> None:
    """Raise CalibrationError if a row leaves the declared range of the input."""
    low, high = float(dataset.inputs.min()), float(dataset.inputs.max())
    if not (low >= input_range[0] and high <= input_range[1]):  # not of NaN either
        raise CalibrationError(
            f"{what} holds values {low:.9g}..{high:.9g}, outside the declared input range "
            f"{input_range[0]:.9g}..{input_range[1]:.9g}; declare the range that the sensor has"
        )


def _quantize_node(
    node: Node, source: QuantParams, ranges: dict[str, Range], graph: Graph, per_channel: bool
) -> tuple[Op, QuantParams]:
    op = node.op
    if isinstance(op, Linear):
        name = node.outputs[0]
        wanted = clamped_params(range_params(*ranges[name], signed=op.low < 0), op.low, op.high)
        layer = quantize_linear(node.name, op, source, wanted, per_channel=per_channel)
        return layer.op, layer.output
    if isinstance(op, Softmax):
        size = graph.tensor(node.inputs[0]).size
        if size > MAX_SOFTMAX_SIZE:
            raise UnsupportedOperatorError(
                f"{node.name}: softmax over {size} values; the int8 kernel takes at most "
                f"{MAX_SOFTMAX_SIZE}; end the model at its logits"
            )
        return quantize_softmax(source), SOFTMAX_OUTPUT
    where = f" ({node.source})" if node.source else ""
    raise UnsupportedOperatorError(
        f"{node.name}{where}: {op.kind} has no int8 kernel unless it follows a linear layer; "
        "move it there, or leave it out"
    )


def quantize_softmax(source: QuantParams) -> QuantizedSoftmax:
    """Return the table of exp(-d * scale) in 1/32768, for d = 0..255 steps below the maximum."""
    table = np.floor(32768.0 * np.exp(-np.arange(256) * source.scale) + 0.5)
    table[0] = 32767
    return QuantizedSoftmax(np.minimum(table, 32767).astype(np.uint16))


def _quantized(tensor: Tensor, params: QuantParams) -> Tensor:
    return replace(tensor, dtype=params.dtype, quant=params)
