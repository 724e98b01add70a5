"""Gradients through integer spiking layers: those of the float operators in the same reals."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.ir import Array, Encode, FloatArray, Graph, Lif, Node, Readout
from pyexport.reference.registry import RULES

Gradients = list[FloatArray]


def lif_back(
    op: QuantizedLif, inputs: Gradients, on: Gradients, graph: Graph, node: Node
) -> Gradients:
    """Return the gradient on the integers of x from those on spikes and membranes (integers).

    The float neurons of the same thresholds, leaks and currents are driven again.
    """
    shape = graph.tensor(node.inputs[0]).shape
    rows = len(inputs[0])
    each = inputs[0].reshape(rows, *shape) @ (op.weight.T.astype(np.float64) * 2.0**op.fraction)
    currents = (each + op.bias) * op.unit
    if len(shape) == 1:
        currents = np.repeat(currents[:, None], op.steps, axis=1)
    neurons = Lif(
        _kept(op.leak, op.shift_leak),
        op.threshold * op.unit,
        _kept(op.synaptic, op.shift_synaptic),
        op.reset,
        op.reset_delay,
        op.compare,
        0.0,
        op.refractory,
    )
    states = [np.zeros((rows, op.size)) for _ in neurons.states]
    wide = (rows, op.steps, op.size)
    on_spikes = on[0].reshape(wide)
    on_membranes = (on[1].reshape(wide) / op.unit) if op.membranes else np.zeros(wide)
    seeds = [on_spikes, on_membranes, *(np.zeros_like(state) for state in states)]
    (on_current, *_) = RULES[Lif].backward(neurons, [currents, *states], [], seeds)
    if len(shape) == 1:
        on_current = on_current.sum(axis=1)
    weight = op.weight * op.unit[:, None] * 2.0**op.fraction
    return [(on_current @ weight).reshape(rows, -1)]


def encode_back(
    op: QuantizedEncode, inputs: Gradients, on: Gradients, graph: Graph, node: Node
) -> Gradients:
    """Return the gradient on the bytes of x, straight through the encoder."""
    shape, rows = graph.tensor(node.inputs[0]).shape, len(inputs[0])
    steps, width = graph.tensor(node.outputs[0]).shape
    encoder = Encode(op.encoding, op.steps, float(op.low), float(op.high), float(op.threshold))
    x = [inputs[0].reshape(rows, *shape)]
    x += [np.zeros((rows, shape[-1]))] * (op.encoding == "delta")
    back = RULES[Encode].backward(encoder, x, [], [on[0].reshape(rows, steps, width)])
    return [back[0].reshape(rows, -1)]


def readout_back(
    op: QuantizedReadout, inputs: Gradients, on: Gradients, graph: Graph, node: Node
) -> Gradients:
    """Return the gradients on spikes and membranes (integers) from that on the scores."""
    rows = len(inputs[0])
    steps, n = graph.tensor(node.inputs[0]).shape
    score = on[0].reshape(rows, n)
    membranes = np.zeros((rows, steps, n))
    if op.method == "membrane_last":
        membranes[:, -1] = score
    else:
        membranes += score[:, None]
    membranes = membranes.reshape(rows, -1) * 2.0**-op.shift
    if not op.takes_spikes:
        return [membranes]
    like = Readout(op.method)
    spikes = inputs[0].reshape(rows, steps, n)
    back = RULES[Readout].backward(like, [spikes, np.zeros_like(spikes)], [], [score])
    return [back[0].reshape(rows, -1) * 2.0**op.bits, membranes]


def _kept(leak: Array, by_shift: bool) -> Any:
    return 1.0 - 2.0 ** -leak.astype(np.float64) if by_shift else leak / 32768.0
