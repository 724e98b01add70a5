"""Finds the layers that a user names, for goals of kernels and bits of weights."""

from __future__ import annotations

from pyexport.errors import UsageError
from pyexport.ir import Conv2d, ConvTranspose2d, Graph, Gru, Linear, Lstm, Node
from pyexport.untrusted import printable

MOST_NAMED = 8  # layers that an error lists


def goals_of_layers(
    graph: Graph, wanted: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Return (node, goal) of (layer, goal); raises UsageError for a layer that is none."""
    found = {}
    for name, goal in wanted:
        found.update(dict.fromkeys(_called(name, f"optimize {name}={goal}: no", graph.nodes), goal))
    return tuple(found.items())


def bits_of_layers(graph: Graph, every: int, wanted: tuple[tuple[str, int], ...]) -> dict[str, int]:
    """Return the bits of the weights, by node, of each layer that has fewer than 8.

    every: bits of all linear layers but those that (layer, bits) name. Raises UsageError for a name
    that is no linear layer's, and where there is none.
    """
    linear = tuple(node for node in graph.nodes if isinstance(node.op, Linear))
    found = {node.name: every for node in linear}
    if every != 8 and not linear:
        raise UsageError(f"weights {every}: the model has no linear layer, whose weights these are")
    for name, bits in wanted:
        what = f"weights {name}={bits}: no linear"
        found.update(dict.fromkeys(_called(name, what, linear), bits))
    return {node: bits for node, bits in found.items() if bits != 8}


def kept_wide(graph: Graph, every: int) -> tuple[str, ...]:
    """Return the warning about layers that keep 8 bits though all weights were to have fewer."""
    others = Conv2d | ConvTranspose2d | Lstm | Gru
    names = [node.name for node in graph.nodes if isinstance(node.op, others)]
    if every == 8 or not names:
        return ()
    return (f"weights of {every} bits are for linear layers; {_listed(names)} keep 8",)


def _called(name: str, what: str, nodes: tuple[Node, ...]) -> list[str]:
    """Return the nodes that the user, or inspect, calls so; raises UsageError if there is none."""
    found = [node.name for node in nodes if name in (node.name, node.source)]
    if found:
        return found
    known = _listed([printable(node.source or node.name) for node in nodes])
    raise UsageError(f"{printable(what)} layer is called so; there are {known or 'none'}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
