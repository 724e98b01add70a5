"""What becomes of spiking layers in one step of a sequence: they keep their membranes and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyexport.integer.membranes import current_bounds, require_bounds
from pyexport.integer.spiking import (
    QuantizedEncode,
    QuantizedLif,
    QuantizedReadout,
    SpikingOp,
)
from pyexport.ir import Graph, Node, QuantParams, State, Tensor


@dataclass(frozen=True)
class Kept:
    """A layer in one step, its states with the tensors of their old and new values."""

    node: Node
    states: tuple[State, ...]
    tensors: tuple[Tensor, ...]
    times: tuple[int | None, ...]  # where each output holds the steps


def steps_of(graph: Graph) -> int | None:
    """Return the steps that the first spiking layer makes of an input without any."""
    for node in graph.nodes:
        if isinstance(node.op, QuantizedLif | QuantizedEncode):
            return node.op.steps
    return None


def spiking_step(node: Node, graph: Graph, times: tuple[int | None, ...]) -> Kept | None:
    """Return a layer in one step; None where it does not take its inputs step by step.

    times: where each input holds the steps. Direct encoding and encoders of one value take an
    input without steps: in a stream, what it is in this step.
    """
    op = node.op
    assert isinstance(op, SpikingOp)  # the caller looked
    shape = graph.tensor(node.inputs[0]).shape
    if any(time != (None if len(shape) == 1 else 0) for time in times):
        return None
    size = graph.tensor(node.outputs[0]).shape[-1]
    if isinstance(op, QuantizedLif):
        source = graph.tensor(node.inputs[0]).quant
        assert source is not None  # of an integer graph
        step = _endless(replace(op, steps=1, stateful=True), source)
        kept = [(word, (size,), params, 0) for word, params in step.states.items()]
        return _with_states(node, step, kept, graph, (0,) * len(node.outputs))
    if isinstance(op, QuantizedEncode):
        source = graph.tensor(node.inputs[0]).quant
        assert source is not None  # of an integer graph
        word, params, first = op.kept(source)
        own = (1,) if word == "counter" else shape[-1:]
        step_op = replace(op, steps=1, stateful=True)
        return _with_states(node, step_op, [(word, own, params, first)], graph, (0,))
    assert isinstance(op, QuantizedReadout)  # there are three
    sums = [(w, (size if each else 1,), q, 0) for w, (each, q) in op.states.items()]
    return _with_states(node, replace(op, stateful=True), sums, graph, (None,))


def _endless(op: QuantizedLif, source: QuantParams) -> QuantizedLif:
    """Return the layer of a stream, which saturates unless its limits hold for any length."""
    currents = current_bounds(op.weight, op.bias, op.fraction, source)
    try:
        require_bounds(op, *currents)
    except ValueError:
        return replace(op, saturating=True)
    return op


def _with_states(
    node: Node,
    op: SpikingOp,
    kept: Sequence[tuple[str, tuple[int, ...], QuantParams, int]],
    graph: Graph,
    times: tuple[int | None, ...],
) -> Kept:
    states, tensors = [], []
    for word, shape, params, first in kept:
        name = f"{node.name}_{word}"
        state = State(name, f"{name}_old", f"{name}_new", first)
        states.append(state)
        tensors += [Tensor(n, shape, params.dtype, params) for n in (state.read, state.write)]
    inputs = (*node.inputs, *(state.read for state in states))
    outputs = (*node.outputs, *(state.write for state in states))
    made = replace(node, op=op, inputs=inputs, outputs=outputs)
    return Kept(made, tuple(states), tuple(tensors), times)
