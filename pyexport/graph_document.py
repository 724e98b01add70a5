"""The graph of an artifact as a JSON document and named arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pyexport.integer import BY_KIND
from pyexport.integer.base import array_fields, number_fields
from pyexport.integer.facts import snn_facts
from pyexport.ir import (
    Affine,
    Array,
    Graph,
    Linear,
    Node,
    Op,
    QuantizedAffine,
    QuantizedLinear,
    QuantizedSums,
    QuantParams,
    Softmax,
    State,
    Tensor,
)


def graph_document(graph: Graph, *, source: bool) -> dict[str, Any]:
    """Return the graph without its arrays; `source` adds what the identity leaves out.

    These are the module paths and activations of the user's model.
    """
    document: dict[str, Any] = {
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "tensors": [_tensor_document(t) for t in graph.tensors],
        "nodes": [_node_document(n, source) for n in graph.nodes],
    }
    if graph.states:
        document["states"] = [asdict(state) for state in graph.states]
    if source and (facts := snn_facts(graph)) is not None:
        document["snn"] = facts
    return document


def _tensor_document(tensor: Tensor) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
    }
    if tensor.declared_range is not None:
        document["range"] = [float(limit) for limit in tensor.declared_range]
    if tensor.layout:
        document["layout"] = tensor.layout
    if tensor.quant is not None:
        q = tensor.quant
        document |= {
            "scale": q.scale,
            "zero_point": q.zero_point,
            "low": q.low,
            "high": q.high,
        }
        if q.steps:
            document["steps"] = list(q.steps)
    return document


def _node_document(node: Node, source: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": node.name,
        "kind": node.op.kind,
        "inputs": list(node.inputs),
        "outputs": list(node.outputs),
    }
    if type(node.op) not in _PARAMETERS:
        fields = number_fields(type(node.op), names=source)
        attributes = {field: _plain(getattr(node.op, field)) for field in fields}
        if attributes:
            document["attributes"] = attributes
    if isinstance(node.op, QuantizedSums):
        document["pre_shift"] = node.op.pre_shift
    if isinstance(node.op, Linear | Affine):
        document["low"] = _finite_or_none(node.op.low)
        document["high"] = _finite_or_none(node.op.high)
    if source:
        document["source"] = node.source
        if isinstance(node.op, QuantizedSums):
            document["activation"] = [
                _finite_or_none(node.op.activation_low),
                _finite_or_none(node.op.activation_high),
            ]
    return document


def _plain(value: Any) -> Any:
    """Return an operator's number, text or nested tuple as JSON holds it."""
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _finite_or_none(limit: float) -> float | None:
    """Return the limit as JSON can hold it: it has no infinity."""
    return limit if math.isfinite(limit) else None


def _limits(low: float | None, high: float | None) -> tuple[float, float]:
    return (-math.inf if low is None else float(low), math.inf if high is None else float(high))


_INTEGERS = ("weight", "bias", "multiplier", "shift", "weight_scale", "acc_low", "acc_high")
# The first operators: their numbers lie beside the attributes, some in a form of their own.
_PARAMETERS: dict[type[Op], tuple[str, ...]] = {
    QuantizedLinear: _INTEGERS,
    QuantizedAffine: _INTEGERS,
    Linear: ("weight", "bias"),
    Affine: ("scale", "shift"),
    Softmax: (),
}


def parameters(graph: Graph) -> dict[str, Array]:
    """Return every array of the graph as NODE.FIELD, in node order."""
    return {
        f"{node.name}.{field}": getattr(node.op, field)
        for node in graph.nodes
        for field in _arrays(type(node.op))
    }


def _arrays(op: type[Op]) -> tuple[str, ...]:
    return _PARAMETERS[op] if op in _PARAMETERS else array_fields(op)


def read_graph(document: dict[str, Any], arrays: dict[str, Array]) -> Graph:
    """Return the graph of a document; raises KeyError, TypeError or ValueError if it is none."""
    return Graph(
        tensors=tuple(_read_tensor(t) for t in document["tensors"]),
        nodes=tuple(_read_node(n, arrays) for n in document["nodes"]),
        inputs=tuple(document["inputs"]),
        outputs=tuple(document["outputs"]),
        states=tuple(State(**state) for state in document.get("states", ())),
    )


def _read_tensor(document: dict[str, Any]) -> Tensor:
    quant = None
    if "scale" in document:
        quant = QuantParams(
            document["dtype"],
            float(document["scale"]),
            document["zero_point"],
            document["low"],
            document["high"],
            tuple(float(step) for step in document.get("steps", ())),
        )
    declared = document.get("range")
    shape = tuple(document["shape"])
    if not all(type(n) is int and n > 0 for n in shape):
        raise ValueError("a tensor has no size")
    return Tensor(
        document["name"],
        shape,
        document["dtype"],
        quant,
        None if declared is None else (float(declared[0]), float(declared[1])),
        document.get("layout", ""),
    )


def _read_node(document: dict[str, Any], arrays: dict[str, Array]) -> Node:
    kind, name = document["kind"], document["name"]

    def own(op: type[Op]) -> dict[str, Any]:
        return {field: arrays[f"{name}.{field}"] for field in _arrays(op)}

    def registered() -> Op:
        op = BY_KIND[kind].op
        attributes = document.get("attributes", {})
        numbers = {field: _tuples(attributes[field]) for field in number_fields(op, names=True)}
        return op(**own(op), **numbers)

    def integer(op: type[QuantizedLinear] | type[QuantizedAffine]) -> Op:
        low, high = _limits(*document["activation"])
        return op(
            **own(op),
            pre_shift=document["pre_shift"],
            activation_low=low,
            activation_high=high,
        )

    def clamped(op: type[Linear] | type[Affine]) -> Op:
        low, high = _limits(document["low"], document["high"])
        return op(**own(op), low=low, high=high)

    readers: dict[str, Callable[[], Op]] = {
        "quantized_linear": lambda: integer(QuantizedLinear),
        "quantized_affine": lambda: integer(QuantizedAffine),
        "linear": lambda: clamped(Linear),
        "affine": lambda: clamped(Affine),
        "softmax": Softmax,
    }
    return Node(
        name,
        readers.get(kind, registered)(),
        tuple(document["inputs"]),
        tuple(document["outputs"]),
        document["source"],
    )
