"""Which states a float graph may have, and what becomes of them in the integer graph."""

from __future__ import annotations

from pyexport.errors import UnsupportedModelError
from pyexport.integer.recurrent import QuantizedGru, QuantizedLstm
from pyexport.ir import Graph, Gru, Lstm, Node, State
from pyexport.quantize.diagnosis import node_title

_FIRST_CELL = 4.0  # magnitude that intervals take a cell to have: tanh is 1 beyond


def check_states(graph: Graph) -> None:
    """Raise UnsupportedModelError unless each state goes from an LSTM or GRU into itself."""
    for state in graph.states:
        readers = graph.users(state.read)
        if len(readers) == 1 and state.write in _kept(readers[0], state.read):
            continue
        where = ", ".join(node_title(node) for node in readers) or "no layer"
        raise UnsupportedModelError(
            f"state {state.name} is read by {where} and does not come straight out of that layer "
            "again: only what an LSTM or GRU keeps has integers; use nn.GRU, nn.LSTM or their "
            "cells, or keep this state outside of the model"
        )
    names = {state.read for state in graph.states}
    for node in graph.nodes:
        stated = [name in names for name in node.inputs[1:]]
        if isinstance(node.op, Lstm | Gru) and any(stated) and not all(stated):
            raise UnsupportedModelError(
                f"{node_title(node)}: only one of its two states is one of the model; name both"
            )


def first_magnitude(state: State, graph: Graph) -> float:
    """Return what intervals take the old values of a state to be at most."""
    (reader,) = graph.users(state.read)
    return _FIRST_CELL if reader.inputs.index(state.read) == 2 else 1.0


def integer_states(graph: Graph, nodes: tuple[Node, ...]) -> tuple[State, ...]:
    """Return the states of the integer nodes, called after them, in the order of the float ones."""
    found = []
    for state in graph.states:
        (reader,) = graph.users(state.read)
        (node,) = [n for n in nodes if n.name == reader.name]
        port = reader.inputs.index(state.read)
        assert isinstance(node.op, QuantizedLstm | QuantizedGru)  # check_states saw its float one
        word = ("h", "c")[port - 1]
        write = node.outputs[-1] if isinstance(node.op, QuantizedGru) else node.outputs[port - 3]
        found.append(State(f"{node.name}_{word}", node.inputs[port], write))
    return tuple(found)


def _kept(node: Node, read: str) -> tuple[str, ...]:
    """Return the output of a recurrent layer that is the new value of what it reads as `read`."""
    if not isinstance(node.op, Lstm | Gru) or node.inputs.count(read) != 1:
        return ()
    port = node.inputs.index(read)
    return node.outputs[port : port + 1] if port else ()
