"""What a spiking network's graph says of itself in a line: steps, encoding, readout."""

from __future__ import annotations

from typing import Any

from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.ir import Graph


def snn_facts(graph: Graph, steps: int | None = None) -> dict[str, Any] | None:
    """Return steps, encoding, readout and neurons; None of a network without any that fire.

    steps: of a sequence, of a model that takes one a call. The encoding is "direct" where a layer
    adds one current in every step, and "events" where the input is a sequence as it is.
    """
    ops = [node.op for node in graph.nodes]
    neurons = [op for op in ops if isinstance(op, QuantizedLif)]
    if not neurons:
        return None
    first = next(node for node in graph.nodes if isinstance(node.op, QuantizedLif))
    direct = len(graph.tensor(first.inputs[0]).shape) == 1
    encoders = [op.encoding for op in ops if isinstance(op, QuantizedEncode)]
    readouts = [op.method for op in ops if isinstance(op, QuantizedReadout)]
    whole = [op.whole for op in ops if isinstance(op, QuantizedReadout)]
    return {
        "steps": steps or max(neurons[0].steps, *whole, 1),
        "encoding": encoders[0] if encoders else "direct" if direct else "events",
        "readout": readouts[0] if readouts else None,
        "neurons": sum(op.size for op in neurons),
    }


def snn_line(graph: Graph, steps: int | None = None) -> str | None:
    """Return "10 steps, latency encoding, 74 neurons, count readout"; None without neurons."""
    facts = snn_facts(graph, steps)
    if facts is None:
        return None
    taken = "events as input" if facts["encoding"] == "events" else f"{facts['encoding']} encoding"
    text = f"{facts['steps']} steps, {taken}, {facts['neurons']} neurons"
    return text if facts["readout"] is None else f"{text}, {facts['readout']} readout"
