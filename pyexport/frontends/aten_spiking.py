"""Lowers the spiking layers of pyexport.snn, which torch.export keeps as one call each."""

from __future__ import annotations

import numpy as np

from pyexport.errors import UnsupportedModelError, UnsupportedOperatorError
from pyexport.frontends.aten_table import Table
from pyexport.frontends.graph_builder import Value
from pyexport.frontends.lowering import Lowering
from pyexport.frontends.pt2 import Call
from pyexport.ir import Array, Encode, Lif, Readout
from pyexport.untrusted import printable


def _lif(low: Lowering, call: Call) -> tuple[Value, Value]:
    x = low.operand(call, "x")
    if len(x.shape) != 2:
        raise UnsupportedOperatorError(
            f"{low.at(call)} takes {x.shape}; give neurons (batch, steps, n), with Encode in front "
            "or a sequence as the input"
        )
    beta, threshold = (_for_each(low, call, key, x.shape[1]) for key in ("beta", "threshold"))
    alpha = _for_each(low, call, "alpha", x.shape[1])
    if beta is None or threshold is None:
        raise UnsupportedOperatorError(f"{low.at(call)} has no beta or no threshold")
    op = Lif(
        beta,
        threshold,
        np.zeros(0) if alpha is None else alpha,
        reset=_word(low, call, "reset"),
        reset_delay=low.flag(call, "reset_delay"),
        compare=_word(low, call, "compare"),
        v_reset=_number(low, call, "v_reset"),
        refractory=low.integers(call, "refractory", 1, None)[0],
    )
    spikes, membranes, *_ = low.apply(call, op, x, *(_zeros(low, call, op) for _ in op.states))
    return spikes, membranes


def _for_each(low: Lowering, call: Call, key: str, n: int) -> Array | None:
    """Return a stored parameter as one number for each of n neurons; None where there is none."""
    parameter = low.parameter(call, key)
    if parameter is None:
        return None
    if parameter.array.shape not in ((), (1,), (n,)):
        raise UnsupportedModelError(
            f"{low.at(call)}: its {key} has the shape {parameter.array.shape} for {n} neurons; "
            "give one number, or one a neuron"
        )
    return low.frozen(parameter, f"{n} neurons", lambda a: np.broadcast_to(a, (n,)))


def _zeros(low: Lowering, call: Call, op: Lif) -> Value:
    """Return what a state starts with."""
    return low.builder.constant(np.zeros(op.size), printable(call.module))


def _encode(low: Lowering, call: Call) -> Value:
    x, encoding = low.operand(call, "x"), _word(low, call, "encoding")
    low_end, high, threshold = (_number(low, call, key) for key in ("low", "high", "threshold"))
    if encoding != "delta":
        (steps,) = low.integers(call, "steps", 1, None)
        return low.one(call, Encode(encoding, steps, low_end, high, threshold), x)
    if len(x.shape) != 2:
        raise UnsupportedOperatorError(
            f"{low.at(call)} takes {x.shape}; delta encodes a sequence (batch, steps, n)"
        )
    first = low.builder.constant(np.zeros(x.shape[1]), printable(call.module))
    events, _ = low.apply(call, Encode(encoding, x.shape[0], low_end, high, threshold), x, first)
    return events


def _readout(low: Lowering, call: Call) -> Value:
    spikes, membranes = low.operand(call, "spikes"), low.operand(call, "membranes")
    return low.one(call, Readout(_word(low, call, "method")), spikes, membranes)


def _word(low: Lowering, call: Call, key: str) -> str:
    """Return an argument that must be a text; the operator knows which."""
    value = call.arguments.get(key)
    if not isinstance(value, str):
        raise UnsupportedOperatorError(f"{low.at(call)}: its {key} is no text")
    return printable(value, 40)


def _number(low: Lowering, call: Call, key: str) -> float:
    value = low.number(call, key, None)
    if value is None:
        raise UnsupportedOperatorError(f"{low.at(call)}: its {key} is no number")
    return float(value)


SPIKING: Table = {
    "pyexport.lif.default": _lif,
    "pyexport.encode.default": _encode,
    "pyexport.readout.default": _readout,
}
