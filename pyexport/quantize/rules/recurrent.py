"""LSTM and GRU become integers: both products of a row of gates as linear layers, to 2**-12."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from pyexport.errors import QuantizationError, UnsupportedOperatorError
from pyexport.integer.recurrent import (
    CURVE_ENTRIES,
    GATE_BITS,
    GRU_STATE,
    HIDDEN,
    MAX_CELL_BITS,
    QuantizedGru,
    QuantizedLstm,
    cell_params,
)
from pyexport.ir import Array, Constant, Gru, Linear, Lstm, QuantParams, Tensor
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.pre_shift import largest_ratio
from pyexport.quantize.rules.base import Outcome, Request

GATES = QuantParams("s16", 2.0**-GATE_BITS, 0, -32767, 32767)


def lstm(request: Request) -> Outcome:
    """Return the integer LSTM; its cell has the range that was seen, doubled, and at least 8."""
    op = request.node.op
    assert isinstance(op, Lstm)  # the registry asks for no other
    _, h, c = request.node.outputs
    seen = max(8.0, 2.0 * max(map(abs, request.ranges[c])))
    cell_bits = max(0, min(MAX_CELL_BITS, 15 - math.ceil(math.log2(seen))))
    fields, sequence = _fields(request, op.bias, np.zeros_like(op.bias)), _reads_all(request)
    integer = QuantizedLstm(**fields, sequence=sequence, stateful=False, cell_bits=cell_bits)
    params = {h: HIDDEN, c: cell_params(cell_bits)}
    return _outcome(request, integer, (h, c), params, ())


def gru(request: Request) -> Outcome:
    """Return the integer GRU; its state has 16 bits, what others read is its upper byte."""
    op = request.node.op
    assert isinstance(op, Gru)  # the registry asks for no other
    fields = _fields(request, op.bias_input, op.bias_hidden)
    integer = QuantizedGru(**fields, sequence=_reads_all(request), stateful=False)
    h = request.node.outputs[1]
    state = Tensor(f"{request.node.name}_state", (op.size,))
    return _outcome(request, integer, (h, state.name), {h: HIDDEN, state.name: GRU_STATE}, (state,))


def _outcome(
    request: Request,
    op: QuantizedLstm | QuantizedGru,
    outputs: tuple[str, ...],
    params: dict[str, QuantParams],
    tensors: tuple[Tensor, ...],
) -> Outcome:
    every = request.node.outputs[0]
    if op.sequence:
        outputs, params = (every, *outputs), {every: HIDDEN, **params}
    node = replace(request.node, op=op, inputs=request.node.inputs[:1], outputs=outputs)
    return Outcome((node,), params, tensors)


def _reads_all(request: Request) -> bool:
    """Return whether anything reads the hidden values of every step."""
    every = request.node.outputs[0]
    return bool(request.graph.users(every)) or every in request.graph.outputs


def _fields(request: Request, bias_x: Array, bias_h: Array) -> dict[str, Any]:
    """Return the fields that LSTM and GRU share."""
    op, graph = request.node.op, request.graph
    assert isinstance(op, Lstm | Gru)  # the callers' type
    producers = {name: node for node in graph.nodes for name in node.outputs}
    for name in request.node.inputs[1:]:
        first = producers[name].op if name in producers else None
        if not (isinstance(first, Constant) and not first.value.any()):
            raise UnsupportedOperatorError(
                f"{request.title}: {op.kind} whose first state is not zero has no int8 kernel; "
                "start it from zeros"
            )
    fields: dict[str, Any] = {}
    for side, weight, bias, source in (
        ("x", op.weight_input, bias_x, request.sources[0]),
        ("h", op.weight_hidden, bias_h, HIDDEN),
    ):
        layer = quantize_linear(
            request.title, Linear(weight, bias), source, GATES, per_channel=request.per_channel
        ).op
        ratio = float((source.scale * layer.weight_scale / GATES.scale).max())
        if ratio > largest_ratio(layer.pre_shift):
            raise QuantizationError(
                f"{request.title}: a gate's sum can be thousands of times what its curve tells "
                "apart; scale the inputs of the layer to about -1..1"
            )
        fields |= {
            f"weight_{side}": layer.weight,
            f"bias_{side}": layer.bias,
            f"multiplier_{side}": layer.multiplier,
            f"shift_{side}": layer.shift,
            f"pre_shift_{side}": layer.pre_shift,
        }
    places = np.arange(CURVE_ENTRIES) / 32.0
    curves = {"sigmoid": 1.0 / (1.0 + np.exp(-places)), "tanh": np.tanh(places)}
    for name, curve in curves.items():
        entries = np.minimum(np.floor(32768.0 * curve + 0.5), 32767.0)
        fields[name] = entries.astype(np.uint16)
    return fields
