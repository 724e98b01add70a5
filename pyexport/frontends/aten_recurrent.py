"""Lowers LSTM and GRU from ATen, layer by layer, and the zeros that their states start with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from pyexport.errors import FileFormatError, UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.aten_shape import reverse
from pyexport.frontends.aten_table import Table, table
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Layered, Lowering
from pyexport.frontends.pt2 import Call, Parameter, TensorRef
from pyexport.ir import Array, Concat, Gru, Lstm, Reshape
from pyexport.untrusted import printable


def _lstm(low: Lowering, call: Call) -> tuple[Value, Layered, Layered]:
    x, layers = _sequence(low, call)
    hx = call.arguments.get("hx")
    references = hx if isinstance(hx, list) and len(hx) == 2 else [None, None]
    starts = [_starts(low, call, reference, len(layers)) for reference in references]
    last_h: list[Value] = []
    last_c: list[Value] = []
    ops = [Lstm(w, u, b_w.astype(np.float64) + b_u.astype(np.float64)) for w, u, b_w, b_u in layers]
    for cells, firsts in _in_layers(low, call, ops, starts):
        x, ends = _directions(low, call, x, cells, firsts)
        last_h += [end[0] for end in ends]
        last_c += [end[1] for end in ends]
    return x, Layered(tuple(last_h)), Layered(tuple(last_c))


def _gru(low: Lowering, call: Call) -> tuple[Value, Layered]:
    x, layers = _sequence(low, call)
    starts = _starts(low, call, call.arguments.get("hx"), len(layers))
    last: list[Value] = []
    for cells, firsts in _in_layers(low, call, [Gru(*layer) for layer in layers], [starts]):
        x, ends = _directions(low, call, x, cells, firsts)
        last += [end[0] for end in ends]
    return x, Layered(tuple(last))


def _in_layers(
    low: Lowering, call: Call, ops: Sequence[Lstm | Gru], starts: Sequence[Sequence[Value]]
) -> Iterator[tuple[Sequence[Lstm | Gru], list[tuple[Value, ...]]]]:
    """Yield the operators of each layer, one or forwards and backwards, with their states."""
    width = 2 if low.flag(call, "bidirectional") else 1
    firsts = list(zip(*starts, strict=True))
    for i in range(0, len(ops), width):
        yield ops[i : i + width], firsts[i : i + width]


def _directions(
    low: Lowering,
    call: Call,
    x: Value,
    ops: Sequence[Lstm | Gru],
    starts: Sequence[tuple[Value, ...]],
) -> tuple[Value, list[tuple[Value, ...]]]:
    """Return all h of a layer, of both directions side by side, and each direction's last states.

    Backwards is forwards over the reversed steps, whose h are reversed again.
    """
    every, *ends = low.apply(call, ops[0], x, *starts[0])
    if len(ops) == 1:
        return every, [tuple(ends)]
    back, *others = low.apply(call, ops[1], reverse(low, call, x, 0), *starts[1])
    both = low.one(call, Concat(1), every, reverse(low, call, back, 0))
    return both, [tuple(ends), tuple(others)]


def _lstm_cell(low: Lowering, call: Call) -> tuple[Value, Value]:
    hx = call.arguments.get("hx")
    references = hx if isinstance(hx, list) and len(hx) == 2 else [None, None]
    w, u, b_w, b_u = _cell_weights(low, call)
    h, c = (_cell_state(low, call, reference) for reference in references)
    bias = b_w.astype(np.float64) + b_u.astype(np.float64)
    _, h, c = low.apply(call, Lstm(w, u, bias), _one_step(low, call), h, c)
    return h, c


def _gru_cell(low: Lowering, call: Call) -> Value:
    h = _cell_state(low, call, call.arguments.get("hx"))
    _, h = low.apply(call, Gru(*_cell_weights(low, call)), _one_step(low, call), h)
    return h


def _one_step(low: Lowering, call: Call) -> Value:
    """Return the input of a cell as a sequence of one step."""
    x = low.operand(call, "input")
    if len(x.shape) != 1:
        raise UnsupportedOperatorError(
            f"{low.at(call)} takes {x.shape}; give a cell (batch, features)"
        )
    return low.one(call, Reshape((1, *x.shape)), x)


def _cell_weights(low: Lowering, call: Call) -> Weights:
    def frozen(key: str) -> Array | None:
        parameter = low.parameter(call, key)
        return None if parameter is None else low.frozen(parameter, "recurrent", lambda a: a)

    w, u = frozen("w_ih"), frozen("w_hh")
    if w is None or u is None:
        raise FileFormatError(f"{low.at(call)} has no weights; the file is damaged")
    biases = [frozen("b_ih"), frozen("b_hh")]
    b_w, b_u = (np.zeros(len(w), w.dtype) if b is None else b for b in biases)
    return w, u, b_w, b_u


def _cell_state(low: Lowering, call: Call, reference: object) -> Value:
    """Return the state (n,) that a cell reads: computed, or stored and the same for every row."""
    known = low.known(reference)
    if isinstance(known, Parameter) and known.array.ndim == 2:
        rows = low.checked(call, "hx", known).array
        if (rows == rows[:1]).all():
            return low.builder.constant(rows[0], printable(call.module))
    if isinstance(reference, TensorRef) and not isinstance(known, Parameter | Layered):
        return low.value(reference.name, low.at(call))
    raise UnsupportedOperatorError(
        f"{low.at(call)} starts every row of the batch with another state; save with a batch of 1"
    )


Weights = tuple[Array, Array, Array, Array]


def _sequence(low: Lowering, call: Call) -> tuple[Value, list[Weights]]:
    """Return the input (steps, n_in), and for each layer both weights and both biases."""
    if not low.flag(call, "batch_first"):
        raise UnsupportedOperatorError(
            f"{low.at(call)} takes the steps before the batch; build it with batch_first=True"
        )
    if low.number(call, "dropout", 0.0) and call.arguments.get("train") is not False:
        low.warnings.append(
            f"{printable(call.module)} was saved in training mode and its dropout is ignored; "
            "call model.eval() before saving"
        )
    x = low.operand(call, "input")
    biased = low.flag(call, "has_biases", True)
    found = low.parameters(call, "params")
    (count,) = low.integers(call, "num_layers", 1, 1)
    a_layer = 4 if biased else 2
    count *= 2 if low.flag(call, "bidirectional") else 1
    if count < 1 or len(found) != a_layer * count or len(x.shape) != 2:
        raise UnsupportedOperatorError(
            f"{low.at(call)} has {len(found)} parameters for {count} layers on {x.shape}; use "
            "nn.LSTM or nn.GRU without proj_size on (batch, steps, features)"
        )
    layers = []
    for i in range(0, len(found), a_layer):
        arrays = [low.frozen(p, "recurrent", lambda a: a) for p in found[i : i + a_layer]]
        if not biased:
            arrays += [np.zeros(arrays[0].shape[:1], arrays[0].dtype)] * 2
        layers.append((arrays[0], arrays[1], arrays[2], arrays[3]))
    return x, layers


def _starts(low: Lowering, call: Call, reference: object, layers: int) -> list[Value]:
    """Return the state (n,) that each layer starts with."""
    known = low.known(reference)
    if isinstance(known, Layered) and len(known.layers) == layers:
        return list(known.layers)
    if isinstance(known, Parameter) and known.array.ndim == 3 and len(known.array) == layers:
        rows = low.checked(call, "hx", known).array
        if not (rows == rows[:, :1]).all():
            raise UnsupportedModelError(
                f"{low.at(call)} starts every row of the batch with another state; save with a "
                "batch of 1"
            )
        return [low.builder.constant(row[0], printable(call.module)) for row in rows]
    if isinstance(reference, TensorRef) and layers == 1 and low.batch == 1:  # an input (1, 1, n)
        state = low.value(reference.name, low.at(call))
        return [low.one(call, Reshape((math.prod(state.shape),)), state)]
    raise UnsupportedOperatorError(
        f"{low.at(call)} starts from a computed state; leave it out, or pass (1, 1, n) of one layer"
    )


def _zeros(low: Lowering, call: Call) -> Parameter:
    """Return stored zeros of the stated shape; a symbolic batch counts as 1."""
    info = low.program.values.get(call.outputs[0]) if call.outputs else None
    if info is None:
        raise FileFormatError(f"{low.at(call)} has no stated shape; the file is damaged")
    shape = tuple(n if isinstance(n, int) else 1 for n in info.sizes)
    low.charge(math.prod(shape), call)
    return Parameter("zeros", np.zeros(shape, np.float32))


RECURRENT: Table = {
    **table(_lstm, "lstm.input"),
    **table(_gru, "gru.input"),
    **table(_lstm_cell, "lstm_cell.default"),
    **table(_gru_cell, "gru_cell.default"),
    **table(_zeros, "zeros.default", "new_zeros.default", "zeros_like.default"),
}
