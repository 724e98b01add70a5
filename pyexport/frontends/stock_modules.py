"""Reads a pickled module of stock torch.nn layers as a float graph, without PyTorch."""

from __future__ import annotations

import math

import numpy as np

from pyexport.errors import (
    FileFormatError,
    PyexportError,
    UnsupportedModelError,
    UnsupportedOperatorError,
)
from pyexport.frontends.graph_builder import GraphBuilder, Value
from pyexport.frontends.pickle_values import Inert
from pyexport.frontends.survey import Part
from pyexport.frontends.weights import RELU, RELU6, add_batch_norm, add_linear
from pyexport.ir import Clamp, Graph, Identity, Softmax
from pyexport.untrusted import MAX_LAYERS, MAX_NESTING, MAX_SIZE, printable

_NN = "torch.nn.modules."
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_SAVE = 'pyexport.save(model, example, "model.pt2")'
_SEQUENTIAL = "container.Sequential"
_LINEAR = "linear.Linear"
_BATCH_NORM = "batchnorm.BatchNorm1d"
_NOTHING = {"linear.Identity"}
_DROPOUTS = {"dropout.Dropout", "dropout.AlphaDropout", "dropout.FeatureAlphaDropout"}


def lower_module(root: Inert, where: str) -> Graph:
    """Return the graph of a Sequential of Linear, BatchNorm1d and their activations.

    The first layer with a size says how many inputs there are.
    """
    layers = _flatten(root, "", where, 0)
    sizes = (_size(layer) for _, layer in layers)
    inputs = next((size for size in sizes if size is not None), None)
    if inputs is None:
        raise UnsupportedModelError(f"{where}: the module has no Linear layer; write {_SAVE}")
    builder = GraphBuilder((inputs,))
    value = builder.input
    for name, layer in layers:
        value = _layer(builder, value, name, layer, where)
    graph = builder.finish(value)
    if not graph.nodes:
        raise UnsupportedModelError(f"{where}: the module returns its input; it has no layer")
    return graph


def survey_module(root: Inert, where: str) -> tuple[tuple[Part, ...], tuple[PyexportError, ...]]:
    """Return the layers in order, and every reason for which an export would refuse them.

    A layer after one that is refused is looked at as if it got the inputs that it takes.
    """
    parts: list[Part] = []
    refused: list[PyexportError] = []
    value = Value(0, (1,))
    builder = GraphBuilder(value.shape)
    for name, layer in _flatten(root, "", where, 0):
        size = _size(layer)
        if size is not None:
            value = Value(0, (size,)) if refused or not parts else value
        tensors = [t for t in _tensors(layer).values() if isinstance(t, np.ndarray)]
        try:
            value = _layer(builder, value, name, layer, where)
        except PyexportError as error:
            refused.append(error)
        kind = printable(layer.name.removeprefix(_NN).rpartition(".")[2])
        count = sum(t.size for t in tensors)
        parts.append(Part(printable(name), kind, (1, *value.shape), count))
    return tuple(parts), tuple(refused)


def _flatten(module: Inert, name: str, where: str, depth: int) -> list[tuple[str, Inert]]:
    """Return the layers of nested Sequentials in order, with their paths."""
    for key in _HOOKS:
        if module.state.get(key):
            raise UnsupportedModelError(
                f"{where}: {printable(name) or 'the module'} has hooks, which are code; remove "
                f"them and write {_SAVE}"
            )
    if module.name != _NN + _SEQUENTIAL:
        return [(name, module)]
    if depth > MAX_NESTING:
        raise FileFormatError(f"{where}: Sequentials nested over {MAX_NESTING} deep; nest less")
    children = module.state.get("_modules")
    if not isinstance(children, dict):
        raise FileFormatError(f"{where}: a Sequential without its layers; save it again")
    layers: list[tuple[str, Inert]] = []
    for key, child in children.items():
        if not isinstance(child, Inert):
            raise FileFormatError(f"{where}: a Sequential holds what is no layer; save it again")
        path = f"{name}.{key}" if name else str(key)
        layers += _flatten(child, path, where, depth + 1)
        if len(layers) > MAX_LAYERS:
            raise FileFormatError(f"{where}: over {MAX_LAYERS} layers; save fewer")
    return layers


def _size(layer: Inert) -> int | None:
    key = {_NN + _LINEAR: "in_features", _NN + _BATCH_NORM: "num_features"}.get(layer.name)
    size = layer.state.get(key) if key else None
    return size if type(size) is int and 0 < size <= MAX_SIZE else None


def _layer(builder: GraphBuilder, x: Value, name: str, layer: Inert, where: str) -> Value:
    kind, state = layer.name.removeprefix(_NN), layer.state
    source = printable(name)
    if kind == _LINEAR:
        return add_linear(builder, x, _tensors(layer), name or "the layer", where)
    if kind == _BATCH_NORM:
        eps = _number(state, "eps", where, name)
        return add_batch_norm(builder, x, _tensors(layer), eps, name, where)
    if kind in _DROPOUTS:
        return builder.add(Identity("dropout"), x, x.shape, source)
    if kind in _NOTHING:
        return x
    if kind == "flatten.Flatten" and (state.get("start_dim"), state.get("end_dim")) == (1, -1):
        return x  # the input is flat already
    if kind == "activation.ReLU":
        return builder.add(Clamp(*RELU), x, x.shape, source)
    if kind == "activation.ReLU6":
        return builder.add(Clamp(*RELU6), x, x.shape, source)
    if kind == "activation.Hardtanh":
        low, high = (_number(state, key, where, name) for key in ("min_val", "max_val"))
        if not low <= high:
            raise FileFormatError(f"{where}: {source}: its limits leave no value")
        return builder.add(Clamp(low, high), x, x.shape, source)
    if kind == "activation.Softmax" and state.get("dim") in (1, -1):
        return builder.add(Softmax(), x, x.shape, source)
    raise UnsupportedOperatorError(
        f"{where}: {source or 'the module'} ({printable(kind.rpartition('.')[2])}) cannot be read "
        f"from a pickled module; load it yourself and write {_SAVE}"
    )


def _tensors(layer: Inert) -> dict[str, object]:
    tensors: dict[str, object] = {}
    for key in ("_parameters", "_buffers"):
        held = layer.state.get(key)
        if isinstance(held, dict):
            tensors.update({str(name): value for name, value in held.items()})
    return tensors


def _number(state: dict[str, object], key: str, where: str, name: str) -> float:
    value = state.get(key)
    if not isinstance(value, int | float) or math.isnan(value):
        raise FileFormatError(f"{where}: {printable(name)}: its {key} is no number; save it again")
    return float(value)
