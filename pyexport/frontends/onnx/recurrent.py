"""Lowers LSTM and GRU: one direction, the usual activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pyexport.errors import FileFormatError
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.onnx.batch import with_batch
from pyexport.frontends.onnx.lowering import Computed, Known, Lowering, Stored, shape_of, show
from pyexport.frontends.onnx.model import OnnxNode
from pyexport.ir import Array, Gru, Lstm, Op

_LSTM_ORDER = (
    0,
    2,
    3,
    1,
)  # ONNX has input, output, forget, cell; the IR input, forget, cell, output
_GRU_ORDER = (1, 0, 2)  # ONNX has update, reset, hidden; the IR reset, update, new


def lstm(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """X, W, R, B, lengths, h, c, peepholes -> Y, Y_h, Y_c."""
    if low.integer(node, "input_forget", 0):
        raise low.unsupported(node, "couples its gates; use input_forget=0")
    peepholes = low.stored(node, 7, "peepholes")
    if peepholes is not None and peepholes.array.any():
        raise low.unsupported(node, "has peepholes; leave them out, as PyTorch's LSTM does")
    _check_form(low, node, ["Sigmoid", "Tanh", "Tanh"])
    size, gates = _gates(low, node, 4, _LSTM_ORDER)
    op = Lstm(
        gates("W"), gates("R"), gates("Wb").astype(np.float64) + gates("Rb").astype(np.float64)
    )
    return _run(low, node, op, size, states=2)


def gru(low: Lowering, node: OnnxNode) -> Sequence[Known]:
    """X, W, R, B, lengths, h -> Y, Y_h."""
    _check_form(low, node, ["Sigmoid", "Tanh"])
    if not low.integer(node, "linear_before_reset", 0):
        raise low.unsupported(
            node, "resets the state before the product; use linear_before_reset=1, PyTorch's form"
        )
    size, gates = _gates(low, node, 3, _GRU_ORDER)
    return _run(low, node, Gru(gates("W"), gates("R"), gates("Wb"), gates("Rb")), size, states=1)


def _check_form(low: Lowering, node: OnnxNode, activations: list[str]) -> None:
    if low.word(node, "direction", "forward") != "forward":
        raise low.unsupported(node, "does not run forward only; use one forward layer")
    stated = node.attributes.get("activations")
    if isinstance(stated, tuple) and list(stated) != activations:
        raise low.unsupported(
            node, f"has other activations than {', '.join(activations)}; use these"
        )
    if "clip" in node.attributes:
        raise low.unsupported(node, "clips its gates; leave clip out")


def _gates(
    low: Lowering, node: OnnxNode, count: int, order: tuple[int, ...]
) -> tuple[int, Callable[[str], Array]]:
    """Return the hidden size, and W, R, Wb or Rb by name, in the order of the IR."""
    weight, hidden = low.stored(node, 1, "weight"), low.stored(node, 2, "recurrent weight")
    bias = low.stored(node, 3, "bias")
    if weight is None or hidden is None or hidden.array.ndim != 3 or weight.array.ndim != 3:
        raise FileFormatError(f"{low.at(node)}: its weights are not (1, {count} * size, ...)")
    size = int(hidden.array.shape[2])
    shapes = {"W": (1, count * size, weight.array.shape[2]), "R": (1, count * size, size)}
    if weight.array.shape != shapes["W"] or hidden.array.shape != shapes["R"]:
        raise FileFormatError(
            f"{low.at(node)}: its weights are {show(weight.array.shape)} and "
            f"{show(hidden.array.shape)}, not of {count} gates of {size}"
        )
    if bias is not None and bias.array.shape != (1, 2 * count * size):
        raise FileFormatError(f"{low.at(node)}: its bias is not {2 * count * size} numbers")

    def ordered(rows: Array) -> Array:
        parts = rows.reshape(count, size, *rows.shape[1:])
        return parts[list(order)].reshape(rows.shape)

    def gates(name: str) -> Array:
        if name in shapes:
            stored = weight if name == "W" else hidden
            return low.floats(stored, name, lambda array: ordered(array[0]))
        if bias is None:
            return np.zeros(count * size, np.float32)
        half = slice(0, count * size) if name == "Wb" else slice(count * size, None)
        return low.floats(bias, name, lambda array: ordered(array[0, half]))

    return size, gates


def _run(low: Lowering, node: OnnxNode, op: Op, size: int, states: int) -> Sequence[Known]:
    batch_first = bool(low.integer(node, "layout", 0))
    x = low.computed(node, 0)
    if len(shape_of(x, low)) != 3:
        raise FileFormatError(f"{low.at(node)}: its input is not (steps, batch, features)")
    place = 0 if batch_first else 1
    if x.batch != place and (low.symbolic or low.batch_size != 1):
        raise low.unsupported(
            node, "takes the steps before the batch; build it with batch_first=True"
        )
    x = with_batch(low, node, x, place)
    steps = x.value.shape[0]
    lengths = low.numbers(node, 4, "sequence lengths")
    if lengths is not None and set(lengths) != {steps}:
        raise low.unsupported(node, "has sequences of different lengths; pad them before the model")
    first = [_state(low, node, 5 + i, size, batch_first) for i in range(states)]
    every, *last = low.apply(node, op, x.value, *first)
    shape = (steps, 1, size)
    whole = Computed(low.reshaped(node, every, shape), 0 if batch_first else 2)
    ends = [
        Computed(low.reshaped(node, value, (1, size)), 0 if batch_first else 1) for value in last
    ]
    return [whole, *ends]


def _state(low: Lowering, node: OnnxNode, index: int, size: int, batch_first: bool) -> Value:
    """Return the first state, (size,): stored and the same for every row, or computed; else 0."""
    known = low.known(node, index)
    if known is None:
        return low.builder.constant(low.zeros(size), low.source(node))
    if isinstance(known, Stored):
        rows = known.array.reshape(-1, known.array.shape[-1]) if known.array.ndim == 3 else None
        if rows is None or rows.shape[1] != size or (rows != rows[:1]).any():
            raise low.unsupported(node, "starts every row of the batch differently; use one start")
        if not rows.any():
            return low.builder.constant(low.zeros(size), low.source(node))
        array = low.floats(known, "state", lambda a: a.reshape(-1, size)[0])
        return low.builder.constant(array, low.source(node))
    state = with_batch(low, node, low.computed(node, index), 0 if batch_first else 1)
    return low.reshaped(node, state.value, (size,))
