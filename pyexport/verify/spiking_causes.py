"""Says which layer of neurons makes float model and export differ, in which step, and how nearly.

The layers that both have are the encoder, the neurons with their weights, and the readout. The
integer model computes the first of them, the float model goes on from their spikes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyexport.integer.spiking import QuantizedEncode, QuantizedLif, QuantizedReadout
from pyexport.ir import Array, Encode, FloatArray, Lif, Node, Readout
from pyexport.reference.evaluation import rule_of
from pyexport.reference.spiking import lif_steps
from pyexport.simulator.arrays import EVALUATORS
from pyexport.verify.cause import Cause, Share
from pyexport.verify.pair import Pair

_OURS = (QuantizedEncode, QuantizedLif, QuantizedReadout)
_FLOAT = (Encode, Lif, Readout)


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of both models."""

    node: Node  # of the float graph
    exported: Node


@dataclass(frozen=True, eq=False)
class Exported:
    """What the integer model gives: tensors by the float graph's names, as its real values."""

    values: dict[str, FloatArray]
    tested: dict[str, Array]  # by layer: the membranes that firing tested, (rows, steps, n)


def layers_of(pair: Pair) -> tuple[Layer, ...]:
    """Return what both models have, in order; nothing where they do not match."""
    graph, exported = pair.graph, pair.artifact.graph
    ours = [node for node in exported.nodes if isinstance(node.op, _OURS)]
    floats = [node for node in graph.nodes if isinstance(node.op, _FLOAT)]
    if not any(isinstance(node.op, QuantizedEncode) for node in ours):  # none, or one sum for all
        floats = [node for node in floats if not isinstance(node.op, Encode)]
    kinds = [_OURS.index(type(node.op)) for node in ours]
    if kinds != [_FLOAT.index(type(node.op)) for node in floats]:
        return ()
    if not ours or ours[-1].outputs != exported.outputs or floats[-1].outputs != graph.outputs:
        return ()
    return tuple(Layer(*both) for both in zip(floats, ours, strict=True))


def spiking_causes(pair: Pair, rows: Array) -> list[Cause]:
    """Return the layer from which on all mixtures give the integer class, and where it parts."""
    layers = layers_of(pair)
    if not layers:
        return [Cause("", "", False)] * len(rows)
    exported = _exported(pair, layers, rows)
    runs = [_mixed(pair, layers, exported, rows, done) for done in range(len(layers) + 1)]
    classes = np.array([run[pair.graph.output.name].argmax(axis=1) for run in runs])
    turned = classes == classes[-1]
    return [
        _cause(layers, runs, exported, row, _first_of_last_run(turned[:, row]))
        for row in range(len(rows))
    ]


def spiking_shares(pair: Pair, row: Array, output: int) -> tuple[Share, ...]:
    """Return what each layer adds to the difference of an output, integer less float."""
    layers = layers_of(pair)
    exported = _exported(pair, layers, row[None])
    at = []
    for done in range(len(layers) + 1):
        values = _mixed(pair, layers, exported, row[None], done)
        at.append(float(values[pair.graph.output.name].reshape(-1)[output]))
    return tuple(
        Share(layer.exported.name, layer.exported.source, at[i + 1] - at[i], 0.0)
        for i, layer in enumerate(layers)
    )


def _first_of_last_run(turned: Array) -> int:
    """Return the first index of the unbroken run of True at the end."""
    at = len(turned) - 1
    while at > 0 and turned[at - 1]:
        at -= 1
    return at


def _cause(
    layers: tuple[Layer, ...],
    runs: list[dict[str, FloatArray]],
    exported: Exported,
    row: int,
    first: int,
) -> Cause:
    """Return what layer number first - 1 does to a row; 0: the float class was the same."""
    if first == 0:
        return Cause("", "", False)
    layer, before = layers[first - 1], runs[first - 1]
    name, source = layer.exported.name, layer.exported.source
    spikes = layer.node.outputs[0]
    differ = before[spikes][row] != exported.values[spikes][row]
    if isinstance(layer.node.op, Readout) or not differ.any():
        return Cause(name, source, False)
    step = int(differ.any(axis=1).argmax())
    if not isinstance(layer.node.op, Lif) or not isinstance(layer.exported.op, QuantizedLif):
        return Cause(name, source, False, step)
    neuron = int(differ[step].argmax())
    inputs = [before[n][row : row + 1] for n in layer.node.inputs]
    op = layer.node.op
    tested = lif_steps(op, inputs)[step].tested.reshape(-1)[neuron]
    distance = abs(float(tested - op.threshold[neuron]))
    membranes = exported.tested[name][row, : step + 1, neuron]
    limits = (layer.exported.op.low, layer.exported.op.high)
    clips = layer.exported.op.saturating and bool(np.isin(membranes, limits).any())
    return Cause(name, source, clips, step, distance)


def _exported(pair: Pair, layers: tuple[Layer, ...], rows: Array) -> Exported:
    """Return what the integer model computes."""
    graph = pair.artifact.graph
    integers: dict[str, Array] = {graph.input.name: rows}
    tested = {}
    for node in graph.nodes:
        ports = [graph.tensor(n) for n in node.inputs], [graph.tensor(n) for n in node.outputs]
        sums, made = EVALUATORS[type(node.op)](node.op, *ports)(*(integers[n] for n in node.inputs))
        integers.update(zip(node.outputs, made, strict=True))
        if isinstance(node.op, QuantizedLif):
            assert sums is not None  # the membranes
            tested[node.name] = sums.reshape(len(rows), -1, node.op.size)
    values = {}
    for layer in layers:  # of neurons the membranes follow the spikes, where they are asked for
        for own, name in zip(layer.exported.outputs, layer.node.outputs, strict=False):
            quant, shape = graph.tensor(own).quant, pair.graph.tensor(name).shape
            assert quant is not None  # an integer graph's tensors have one
            shaped = integers[own].reshape(len(rows), *graph.tensor(own).shape)
            values[name] = quant.dequantize(shaped).reshape(len(rows), *shape)
    return Exported(values, tested)


def _mixed(
    pair: Pair, layers: tuple[Layer, ...], exported: Exported, rows: Array, done: int
) -> dict[str, FloatArray]:
    """Return all tensors of the float graph where the first `done` layers are the integer ones."""
    graph = pair.graph
    given = {
        name: exported.values[name]
        for layer in layers[:done]
        for name in layer.node.outputs
        if name in exported.values
    }
    values = {graph.input.name: pair.real(rows).reshape(len(rows), *graph.input.shape)}
    for node in graph.nodes:
        made = rule_of(node).forward(node.op, [values[n] for n in node.inputs], False)
        values.update(zip(node.outputs, made, strict=True))
        values.update({name: given[name] for name in node.outputs if name in given})
    return {
        name: np.broadcast_to(value, (len(rows), *value.shape[1:]))  # constants are of one row
        for name, value in values.items()
    }
