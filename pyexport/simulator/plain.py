"""Reads a .px file into the plain numbers of the definition, with the standard library alone."""

import json
import math
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

from pyexport.errors import FileFormatError
from pyexport.simulator.definition import (
    AffineLayer,
    AnyLayer,
    FloatAffineLayer,
    FloatLinearLayer,
    FloatSoftmaxLayer,
    LinearLayer,
    PlainModel,
)
from pyexport.simulator.exact import LAYERS, PlainTensor
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
    (input_name,), (output_name,) = graph["inputs"], graph["outputs"]
    source = descriptions[input_name]
    return PlainModel(
        scheme=document["scheme"],
        input=input_name,
        output=output_name,
        input_size=math.prod(source["shape"]),
        input_low=source.get("low", -math.inf),
        input_high=source.get("high", math.inf),
        layers=[_layer(node, descriptions, tensors) for node in graph["nodes"]],
    )


def _layer(
    node: dict[str, Any], descriptions: dict[str, Any], tensors: dict[str, RawTensor]
) -> AnyLayer:
    name, kind = node["name"], node["kind"]
    if kind in LAYERS:
        return _registered(node, descriptions, tensors)
    (source,), (target,) = node["inputs"], node["outputs"]

    def values(field: str) -> list[Any]:
        return _flat(tensors[f"{name}.{field}"])

    def rows(field: str) -> list[list[Any]]:
        flat, width = values(field), tensors[f"{name}.{field}"].shape[1]
        return [flat[i : i + width] for i in range(0, len(flat), width)]

    if kind == "quantized_affine":
        output = descriptions[target]
        return AffineLayer(
            name, source, target, values("weight"), values("bias"), values("multiplier"),
            values("shift"), node["pre_shift"], output["zero_point"], output["low"],
            output["high"],
        )  # fmt: skip
    if kind == "quantized_linear":
        output = descriptions[target]
        return LinearLayer(
            name, source, target, rows("weight"), values("bias"), values("multiplier"),
            values("shift"), node["pre_shift"], output["zero_point"], output["low"],
            output["high"],
        )  # fmt: skip
    if kind in ("linear", "affine"):
        low = -math.inf if node["low"] is None else node["low"]
        high = math.inf if node["high"] is None else node["high"]
    if kind == "affine":
        return FloatAffineLayer(name, source, target, values("scale"), values("shift"), low, high)
    if kind == "linear":
        return FloatLinearLayer(name, source, target, rows("weight"), values("bias"), low, high)
    if kind == "softmax":
        return FloatSoftmaxLayer(name, source, target)
    raise ValueError(f"operator {kind!r} is not defined")


def _registered(
    node: dict[str, Any], descriptions: dict[str, Any], tensors: dict[str, RawTensor]
) -> AnyLayer:
    """Return a layer whose fields have the names of the stored arrays and attributes."""
    layer, _ = LAYERS[node["kind"]]
    values: dict[str, Any] = {}
    for field in fields(layer):
        stored = tensors.get(f"{node['name']}.{field.name}")
        if stored is not None:
            values[field.name] = _nested(_flat(stored), stored.shape)
        elif field.name in node.get("attributes", ()):
            values[field.name] = node["attributes"][field.name]
    places = (
        tuple(_place(descriptions[name]) for name in node[side]) for side in ("inputs", "outputs")
    )
    return layer(node["name"], *places, **values)


def _place(description: dict[str, Any]) -> PlainTensor:
    return PlainTensor(
        description["name"],
        tuple(description["shape"]),
        description["zero_point"],
        description["low"],
        description["high"],
    )


def _nested(flat: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if len(shape) <= 1:
        return flat
    width = len(flat) // shape[0]
    return [_nested(flat[i * width : (i + 1) * width], shape[1:]) for i in range(shape[0])]


def _flat(tensor: RawTensor) -> list[Any]:
    count = math.prod(tensor.shape)
    return list(struct.unpack(f"<{count}{_FORMATS[tensor.dtype]}", tensor.data))
