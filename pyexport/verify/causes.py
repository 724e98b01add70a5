"""Says which layer makes the float model and its export disagree on an input, and how."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array, FloatArray, Node
from pyexport.reference.evaluation import rule_of
from pyexport.sensor import FRONT_END, passed_on, sensor_limits
from pyexport.simulator.arrays import EVALUATORS
from pyexport.simulator.fast import argmax
from pyexport.verify.cause import Cause, Share
from pyexport.verify.pair import Pair
from pyexport.verify.spikes import has_spikes
from pyexport.verify.spiking_causes import spiking_causes, spiking_shares

CHUNK_ROWS = 1_024


def causes(pair: Pair, rows: Array) -> tuple[Cause, ...]:
    """Return the cause of each disagreement.

    The integer model computes the first layers, the float model goes on from their values. The
    layer is the first from which on all such mixtures give the integer model's class. It clips if
    the class turns back once the values that its limits cut are set to what they would have been.
    Of neurons it tells the step in which their spikes part, fed with the same ones.
    """
    found: list[Cause] = []
    for start in range(0, len(rows), CHUNK_ROWS):
        found += _causes(pair, rows[start : start + CHUNK_ROWS])
    return tuple(found)


def gap_shares(pair: Pair, row: Array, output: int) -> tuple[Share, ...]:
    """Return what each layer adds to the difference of an output, integer less float.

    What an exporter's own front end adds is what its rounding and limits do to the input. Empty
    where the layers of both models do not match.
    """
    nodes = pair.artifact.graph.nodes
    if has_spikes(pair.artifact.graph):
        return spiking_shares(pair, row, output)
    if not _layers_match(pair):
        return ()
    real = _real_values(pair, row[None])
    at = [float(_outputs_from(pair, real, done)[0, output]) for done in range(len(nodes) + 1)]
    shares = []
    for number, node in enumerate(nodes):
        free = {**real, node.outputs[0]: _unclipped(pair, node, number, real)}
        without = float(_outputs_from(pair, free, number + 1)[0, output])
        change = at[number + 1] - at[number]
        shares.append(Share(node.name, node.source, change, at[number + 1] - without))
    return tuple(shares)


def _layers_match(pair: Pair) -> bool:
    exported = pair.artifact.graph
    if exported.input.quant is None:
        return False
    behind = exported.nodes[_fronts(pair) :]
    return [n.outputs for n in behind] == [n.outputs for n in pair.graph.nodes]


def _fronts(pair: Pair) -> int:
    """Return how many nodes of the exporter's own come before the model's: a front end or none."""
    return int(pair.artifact.graph.nodes[0].source == FRONT_END)


def _causes(pair: Pair, rows: Array) -> list[Cause]:
    nodes = pair.artifact.graph.nodes
    if has_spikes(pair.artifact.graph):
        return spiking_causes(pair, rows)
    if not _layers_match(pair):
        return [Cause("", "", False)] * len(rows)
    real = _real_values(pair, rows)
    mixtures = np.array([_class_from(pair, real, done) for done in range(len(nodes) + 1)])
    turned = mixtures == mixtures[-1]
    # the first mixture of the unbroken run at the end that gives the integer model's class
    first = len(nodes) - np.argmin(np.vstack([turned[::-1], np.zeros(len(rows), bool)]), axis=0) + 1
    answers = [Cause("", "", False)] * len(rows)
    for number in np.unique(first).tolist():
        if not 1 <= number <= len(nodes):
            continue
        which, node = np.flatnonzero(first == number), nodes[number - 1]
        part = {name: values[which] for name, values in real.items()}
        part = {**part, node.outputs[0]: _unclipped(pair, node, number - 1, part)}
        clips = _class_from(pair, part, number) != mixtures[-1][which]
        for row, clip in zip(which.tolist(), clips.tolist(), strict=True):
            answers[row] = Cause(node.name, node.source, clip)
    return answers


def _real_values(pair: Pair, rows: Array) -> dict[str, FloatArray]:
    """Return every tensor of the integer model as the float model's values, in its shape.

    A front end's bytes are told as the inputs that they stand for.
    """
    graph = pair.artifact.graph
    values: dict[str, Array] = {graph.input.name: rows.astype(np.float32)}
    for node in graph.nodes:
        ports = [graph.tensor(n) for n in node.inputs], [graph.tensor(n) for n in node.outputs]
        _, results = EVALUATORS[type(node.op)](node.op, *ports)(*(values[n] for n in node.inputs))
        values.update(zip(node.outputs, results, strict=True))
    real = {}
    if _fronts(pair):
        (front,) = graph.nodes[0].outputs
        passed = passed_on(graph.nodes[0], graph, rows, values.pop(front))
        real[front] = pair.real(passed).reshape(len(rows), *pair.graph.input.shape)
    return real | {name: _real(pair, name, integers) for name, integers in values.items()}


def _real(pair: Pair, name: str, values: Array) -> FloatArray:
    """Return integers of a tensor as the float model's values, in its shape."""
    quant = pair.artifact.graph.tensor(name).quant
    shaped = values.reshape(len(values), *pair.artifact.graph.tensor(name).shape)
    real = shaped.astype(np.float64) if quant is None else quant.dequantize(shaped)
    return real.reshape(len(values), *pair.graph.tensor(name).shape)


def _entering(pair: Pair, real: dict[str, FloatArray], done: int) -> FloatArray:
    """Return the input of the float model's first layer where `done` integer layers came before."""
    graph = pair.artifact.graph
    return real[graph.nodes[0].outputs[0] if _fronts(pair) and done else graph.input.name]


def _class_from(pair: Pair, real: dict[str, FloatArray], done: int) -> Array:
    return argmax(_outputs_from(pair, real, done))


def _outputs_from(pair: Pair, real: dict[str, FloatArray], done: int) -> FloatArray:
    """Return the outputs where the first `done` layers gave `real`, the others are float."""
    graph, own = pair.graph, max(0, done - _fronts(pair))
    values = {graph.input.name: _entering(pair, real, done)}
    values |= {name: real[name] for node in graph.nodes[:own] for name in node.outputs}
    for node in graph.nodes[own:]:
        values.update(zip(node.outputs, _float_outputs(node, values), strict=True))
    return values[graph.output.name].reshape(len(values[graph.input.name]), -1)


def _float_outputs(node: Node, values: dict[str, FloatArray]) -> list[FloatArray]:
    inputs = [values[name] for name in node.inputs]
    return list(rule_of(node).forward(node.op, inputs, False))


def _unclipped(pair: Pair, node: Node, number: int, real: dict[str, FloatArray]) -> FloatArray:
    """Return a layer's values with those that a limit cut set to what the float layer gives."""
    (name,) = node.outputs
    quant = pair.artifact.graph.tensor(name).quant
    ours = real[name]
    if number < _fronts(pair):  # a front end: between its limits it is off by less than a step
        low, high = (pair.real(limit[None]) for limit in sensor_limits(pair.artifact.graph))
        given = _entering(pair, real, 0)
        beyond = (given < low.reshape(given[:1].shape)) | (given > high.reshape(given[:1].shape))
        return np.where(beyond, given, ours)
    like = pair.graph.nodes[number - _fronts(pair)]
    known = {**real, pair.graph.input.name: _entering(pair, real, number)}
    wanted = _float_outputs(like, known)[0]
    if quant is None:
        return ours
    low, high = quant.dequantize([quant.low, quant.high])
    half = quant.scale / 2.0
    return np.where((wanted < low - half) | (wanted > high + half), wanted, ours)
