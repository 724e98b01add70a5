"""Reads a .px file into the plain numbers of the definition, with the standard library alone."""

import json
import math
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

from pyexport.errors import FileFormatError
from pyexport.simulator.definition import PlainInput, PlainModel, PlainState
from pyexport.simulator.exact import LAYERS, Layer, PlainTensor
from pyexport.tensorfile import RawTensor, read_tensorfile
from pyexport.untrusted import MAX_FILE_BYTES, read_regular

_FORMATS = {
    "I8": "b",
    "U8": "B",
    "U16": "H",
    "I16": "h",
    "I32": "i",
    "I64": "q",
    "F32": "f",
    "F64": "d",
}


def read_plain(path: Path) -> PlainModel:
    """Return the model in a .px file; raises FileFormatError if it is not one."""
    data = read_regular(path, MAX_FILE_BYTES, "the .px file of an export")
    try:
        metadata, tensors = read_tensorfile(data, str(path))
        document = json.loads(metadata["pyexport"])
        return _model(document, tensors)
    except (LookupError, RecursionError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path}: not a readable pyexport artifact ({error})") from None


def _model(document: dict[str, Any], tensors: dict[str, RawTensor]) -> PlainModel:
    graph = document["graph"]
    descriptions = {t["name"]: t for t in graph["tensors"]}
    return PlainModel(
        scheme=document["scheme"],
        inputs=[_input(descriptions[name]) for name in graph["inputs"]],
        outputs=graph["outputs"],
        layers=[_layer(node, descriptions, tensors) for node in graph["nodes"]],
        states=[_state(state, descriptions) for state in graph.get("states", ())],
    )


def _state(state: dict[str, Any], descriptions: dict[str, Any]) -> PlainState:
    size = math.prod(descriptions[state["read"]]["shape"])
    return PlainState(state["read"], state["write"], size, state["initial"])


def _input(description: dict[str, Any]) -> PlainInput:
    return PlainInput(
        description["name"],
        math.prod(description["shape"]),
        description.get("low", -math.inf),
        description.get("high", math.inf),
    )


def _layer(
    node: dict[str, Any], descriptions: dict[str, Any], tensors: dict[str, RawTensor]
) -> Layer:
    """Return a layer whose fields have the names of the stored arrays and numbers."""
    if node["kind"] not in LAYERS:
        raise ValueError(f"operator {node['kind']!r} is not defined")
    layer, _ = LAYERS[node["kind"]]
    numbers = _numbers(node)
    values: dict[str, Any] = {}
    for field in fields(layer):
        stored = tensors.get(f"{node['name']}.{field.name}")
        if stored is not None:
            values[field.name] = _nested(_flat(stored), stored.shape)
        elif field.name in numbers:
            values[field.name] = numbers[field.name]
    places = (
        tuple(_place(descriptions[name]) for name in node[side]) for side in ("inputs", "outputs")
    )
    return layer(node["name"], *places, **values)


def _numbers(node: dict[str, Any]) -> dict[str, Any]:
    """Return a node's numbers by name; the first operators have theirs beside the attributes."""
    numbers = {name: node[name] for name in ("pre_shift", "low", "high") if name in node}
    for name, unlimited in (("low", -math.inf), ("high", math.inf)):
        if name in numbers and numbers[name] is None:
            numbers[name] = unlimited
    return {**numbers, **node.get("attributes", {})}


def _place(description: dict[str, Any]) -> PlainTensor:
    return PlainTensor(
        description["name"],
        tuple(description["shape"]),
        description.get("zero_point", 0),
        description.get("low", 0),
        description.get("high", 0),
    )


def _nested(flat: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if len(shape) <= 1:
        return flat
    width = len(flat) // shape[0]
    return [_nested(flat[i * width : (i + 1) * width], shape[1:]) for i in range(shape[0])]


def _flat(tensor: RawTensor) -> list[Any]:
    count = math.prod(tensor.shape)
    return list(struct.unpack(f"<{count}{_FORMATS[tensor.dtype]}", tensor.data))
