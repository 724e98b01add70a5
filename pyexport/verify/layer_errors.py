"""How far each layer of an export is from the float model: all error so far, and its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pyexport.errors import UnsupportedOperatorError
from pyexport.ir import Array, FloatArray, Graph, Node, Tensor
from pyexport.reference.evaluation import evaluate, rule_of
from pyexport.simulator.fast import FastSimulator

Named = Mapping[str, FloatArray]


@dataclass(frozen=True)
class Spread:
    """Differences between two sets of values, in the unit of the values."""

    max: float  # largest absolute difference
    mean: float  # mean absolute difference
    sqnr: float  # 10 log10(sum of float**2 / sum of difference**2), decibel; inf if there is none


@dataclass(frozen=True)
class LayerError:
    """One layer of an export beside the float model's."""

    node: str
    source: str  # module path in the user's model
    step: float | None  # what one unit of its integers is worth; None of floats
    whole: Spread  # both models from their inputs on
    own: Spread | None  # the float layer on the values that the export's layer reads
    clipped: float | None  # share of values that its limits cut, by more than rounding does


@dataclass
class _Sums:
    """What has been added up of one tensor."""

    count: int = 0
    most: float = 0.0
    absolute: float = 0.0
    noise: float = 0.0
    signal: float = 0.0

    def add(self, wanted: FloatArray, given: FloatArray) -> None:
        off = np.abs(given - wanted)
        self.count += off.size
        self.most = max(self.most, float(off.max(initial=0.0)))
        self.absolute += float(off.sum())
        self.noise += float(np.square(off).sum())
        self.signal += float(np.square(wanted).sum())

    def spread(self) -> Spread:
        ratio = self.signal / self.noise if self.noise else math.inf
        sqnr = 10.0 * math.log10(ratio) if ratio > 0.0 else -math.inf
        return Spread(self.most, self.absolute / max(self.count, 1), sqnr)


@dataclass
class _Layer:
    node: Node
    like: Node  # of the float model
    name: str  # the tensor that both write, in the export
    wanted: str  # and in the float model
    place: int  # among the outputs of the float node
    tensor: Tensor
    whole: _Sums = field(default_factory=_Sums)
    own: _Sums = field(default_factory=_Sums)
    clipped: int = 0


def layer_errors(graph: Graph, exported: Graph, rows: Array) -> tuple[LayerError, ...]:
    """Return the errors of the layers that both models have, on rows of the device's inputs.

    graph: the float model. A layer is one of both where both write a tensor of the same name and
    size for the same module; what an export adds (a front end, say) is left out. A model with
    states has none: its export is one step of the float model.
    """
    if exported.states or graph.states or not len(rows):
        return ()
    layers = _matching(graph, exported)
    outside = {
        **dict(zip(graph.inputs, exported.inputs, strict=True)),
        **{layer.wanted: layer.name for layer in layers},
    }
    for values in FastSimulator(exported).tensors(rows):
        real = {name: _real(exported.tensor(name), v) for name, v in values.items()}
        inputs = {name: real[outside[name]] for name in graph.inputs}
        ideal = evaluate(graph, inputs)
        for layer in layers:
            given, wanted = real[layer.name], ideal[layer.wanted]
            layer.whole.add(wanted.reshape(given.shape), given)
            alone = _alone(graph, layer, real, ideal, outside)
            if alone is not None:
                alone = alone.reshape(given.shape)
                layer.own.add(alone, given)
                layer.clipped += _clipped(layer.tensor, alone)
    return tuple(map(_finished, layers))


def _matching(graph: Graph, exported: Graph) -> list[_Layer]:
    makers = {name: (node, i) for node in graph.nodes for i, name in enumerate(node.outputs)}
    renamed = dict(zip(exported.outputs, graph.outputs, strict=True))
    found = []
    for node in exported.nodes:
        for name in node.outputs:
            wanted = renamed.get(name, name)
            like, place = makers.get(wanted, (None, 0))
            if like is None or like.source != node.source:
                continue
            tensor = exported.tensor(name)
            if graph.tensor(wanted).size == tensor.size:
                found.append(_Layer(node, like, name, wanted, place, tensor))
                break  # the first output is the layer's
    return found


def _real(tensor: Tensor, values: Array) -> FloatArray:
    quant = tensor.quant
    if quant is None:
        return values.astype(np.float64)
    shaped = quant.dequantize(values.reshape(len(values), *tensor.shape))
    return shaped.reshape(len(values), tensor.size)


def _alone(
    graph: Graph, layer: _Layer, real: Named, ideal: Named, outside: Mapping[str, str]
) -> FloatArray | None:
    """Return what the float layer makes of the values that the export's layer reads.

    None where the export does not have one of them.
    """
    inputs = []
    for name in layer.like.inputs:
        if name in outside:
            values = real[outside[name]]
            inputs.append(values.reshape(len(values), *graph.tensor(name).shape))
        elif all(node.inputs for node in graph.nodes if name in node.outputs):
            return None
        else:  # a constant, which both have
            inputs.append(ideal[name])
    try:
        outputs = rule_of(layer.like).forward(layer.like.op, inputs, False)
    except UnsupportedOperatorError:
        return None
    return np.asarray(outputs[layer.place])


def _clipped(tensor: Tensor, wanted: FloatArray) -> int:
    if tensor.quant is None:
        return 0
    quant = tensor.quant
    low, high = quant.dequantize([quant.low, quant.high])
    half = quant.scale / 2.0
    return int(((wanted < low - half) | (wanted > high + half)).sum())


def _finished(layer: _Layer) -> LayerError:
    quant = layer.tensor.quant
    known = layer.own.count > 0
    return LayerError(
        layer.node.name,
        layer.node.source,
        None if quant is None else float(quant.scale),
        layer.whole.spread(),
        layer.own.spread() if known else None,
        layer.clipped / layer.own.count if known and quant is not None else None,
    )
