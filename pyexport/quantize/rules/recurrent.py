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
from pyexport.ir import Array, Constant, Gru, Linear, Lstm, Node, QuantParams, Tensor
from pyexport.quantize.linear import quantize_linear
from pyexport.quantize.pre_shift import largest_ratio
from pyexport.quantize.rules.base import Outcome, Request

ZERO, STATE, COMPUTED = "zero", "state", "computed"  # what a layer starts from
GATES = QuantParams("s16", 2.0**-GATE_BITS, 0, -32767, 32767)


def lstm(request: Request) -> Outcome:
    """Return the integer LSTM; its cell has the range that was seen, doubled, and at least 8."""
    op = request.node.op
    assert isinstance(op, Lstm)  # the registry asks for no other
    _, h, c = request.node.outputs
    starts = _starts(request)
    seen = max(8.0, 2.0 * max(max(map(abs, request.ranges[c])) for c in _cells(request)))
    cell_bits = max(0, min(MAX_CELL_BITS, 15 - math.ceil(math.log2(seen))))
    if starts == COMPUTED:  # the cell of the step before, whose unit stays
        cell_bits = round(-math.log2(request.sources[2].scale))
    fields, sequence = _fields(request, op.bias, np.zeros_like(op.bias)), _reads_all(request)
    stateful = starts != ZERO
    integer = QuantizedLstm(**fields, sequence=sequence, stateful=stateful, cell_bits=cell_bits)
    params = {h: HIDDEN, c: cell_params(cell_bits)}
    if starts == STATE:
        params[request.node.inputs[2]] = cell_params(cell_bits)
    return _outcome(request, integer, request.node.inputs[1:], (h, c), params, ())


def gru(request: Request) -> Outcome:
    """Return the integer GRU; its state has 16 bits, what others read is its upper byte."""
    op = request.node.op
    assert isinstance(op, Gru)  # the registry asks for no other
    starts, h = _starts(request), request.node.outputs[1]
    fields = _fields(request, op.bias_input, op.bias_hidden)
    integer = QuantizedGru(**fields, sequence=_reads_all(request), stateful=starts != ZERO)
    state = _state_of(request.node, op)
    tensors: tuple[Tensor, ...] = (state,)
    params = {h: HIDDEN, state.name: GRU_STATE}
    before = request.node.inputs[1]
    if starts == STATE:  # not the h of the model, but the 16 bits behind it
        old = Tensor(f"{request.node.name}_h_old", (op.size,))
        tensors, params, before = (state, old), {**params, old.name: GRU_STATE}, old.name
    elif starts == COMPUTED:
        before = _state_of(_producers(request)[before], op).name
    return _outcome(request, integer, (before,), (h, state.name), params, tensors)


def _state_of(node: Node, op: Gru) -> Tensor:
    """Return the 16-bit state that the integer GRU of a node leaves."""
    return Tensor(f"{node.name}_state", (op.size,))


def _producers(request: Request) -> dict[str, Node]:
    return {name: node for node in request.graph.nodes for name in node.outputs}


def _starts(request: Request) -> str:
    """Return what the layer starts from: ZERO, STATE, or COMPUTED by the same layer before."""
    node, producers = request.node, _producers(request)
    states = {state.read for state in request.graph.states}
    kinds = set()
    for port, name in enumerate(node.inputs[1:], 1):
        before = producers.get(name)
        if name in states:
            kinds.add(STATE)
        elif before is not None and isinstance(before.op, Constant) and not before.op.value.any():
            kinds.add(ZERO)
        elif (
            before is not None
            and type(before.op) is type(node.op)
            and before.outputs[port : port + 1] == (name,)
        ):
            kinds.add(COMPUTED)
        else:
            kinds.add("")
    if len(kinds) == 1 and "" not in kinds:
        return kinds.pop()
    raise UnsupportedOperatorError(
        f"{request.title}: {node.op.kind} whose first state is not zero has no int8 kernel; start "
        "it from zeros, or from a state of the model (states=[...] of pyexport.save)"
    )


def _cells(request: Request) -> list[str]:
    """Return the cells of an LSTM and of all that go on from it, which share its unit."""
    found: list[str] = []
    node: Node | None = request.node
    while node is not None:
        cell = node.outputs[2]
        found.append(cell)
        readers = [n for n in request.graph.users(cell) if isinstance(n.op, Lstm)]
        node = next((n for n in readers if n.inputs[2] == cell), None)
    return found


def _outcome(
    request: Request,
    op: QuantizedLstm | QuantizedGru,
    states: tuple[str, ...],
    outputs: tuple[str, ...],
    params: dict[str, QuantParams],
    tensors: tuple[Tensor, ...],
) -> Outcome:
    every = request.node.outputs[0]
    if op.sequence:
        outputs, params = (every, *outputs), {every: HIDDEN, **params}
    inputs = (request.node.inputs[0], *(states if op.stateful else ()))
    node = replace(request.node, op=op, inputs=inputs, outputs=outputs)
    return Outcome((node,), params, tensors)


def _reads_all(request: Request) -> bool:
    """Return whether anything reads the hidden values of every step."""
    every = request.node.outputs[0]
    return bool(request.graph.users(every)) or every in request.graph.outputs


def _fields(request: Request, bias_x: Array, bias_h: Array) -> dict[str, Any]:
    """Return the fields that LSTM and GRU share."""
    op = request.node.op
    assert isinstance(op, Lstm | Gru)  # the callers' type
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
