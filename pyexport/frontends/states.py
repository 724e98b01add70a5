"""Turns inputs that a model gives back into states: forward(x, h) -> (y, h) keeps h itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pyexport.errors import InvalidModelError
from pyexport.frontends.json_view import JsonView
from pyexport.ir import Graph, Node, Reshape, State, Tensor
from pyexport.untrusted import parse_json, printable


def stated_states(text: bytes | None, where: str) -> tuple[str, ...]:
    """Return the names under "states" in the JSON text of a model file, () without any."""
    if text is None:
        return ()
    view = JsonView(parse_json(text, where), where).get("states")
    return () if view is None else tuple(item.text() for item in view)


def bind_states(graph: Graph, states: Sequence[str], inputs: Sequence[str], where: str) -> Graph:
    """Return the graph in which some inputs are states, and as many of its last outputs their news.

    states: names among `inputs`, which are the user's, in the order of graph.inputs. Raises
    InvalidModelError.
    """
    if not states:
        return graph
    known = dict(zip(inputs, graph.inputs, strict=True))
    for name in states:
        if name not in known:
            raise InvalidModelError(
                f"{where}: there is no input {printable(name, 40)} to be a state; the model takes "
                f"{', '.join(printable(n, 40) for n in inputs)}"
            )
    count = len(states)
    if len(set(states)) < count or count >= len(graph.inputs):
        raise InvalidModelError(f"{where}: at least one input must be no state; correct states")
    if len(graph.outputs) <= count:
        raise InvalidModelError(
            f"{where}: with {count} states forward() must return an output, and then their {count} "
            f"new values in the order of states; it returns {len(graph.outputs)}"
        )
    reads = [known[name] for name in states]
    front: list[Node] = []
    behind: list[Node] = []
    tensors: list[Tensor] = []
    made: list[State] = []
    for name, read, write in zip(states, reads, graph.outputs[-count:], strict=True):
        old, new = graph.tensor(read), graph.tensor(write)
        if old.size != new.size or write in graph.inputs:
            raise InvalidModelError(
                f"{where}: the state {printable(name, 40)} has {old.size} elements, its new value "
                f"{new.size}, or is not computed; return new states last, in the order of states"
            )
        # Flat, so that no reshape stands between a layer and its state.
        flat = (math.prod(old.shape),)
        tensors += [Tensor(f"{read} before", flat), Tensor(f"{read} behind", flat)]
        front.append(Node(f"{read} reshape", Reshape(old.shape), (f"{read} before",), (read,)))
        behind.append(Node(f"{read} flatten", Reshape(flat), (write,), (f"{read} behind",)))
        made.append(State(printable(name, 40), f"{read} before", f"{read} behind"))
    return replace(
        graph,
        tensors=(*graph.tensors, *tensors),
        nodes=(*front, *graph.nodes, *behind),
        inputs=tuple(name for name in graph.inputs if name not in reads),
        outputs=graph.outputs[:-count],
        states=tuple(made),
    )
