"""Reads a .px file into the plain numbers of the definition, with the standard library alone."""

import json
import math
import struct
from pathlib import Path
from typing import Any

from pyexport.errors import FileFormatError
from pyexport.simulator.definition import (
    FloatLinearLayer,
    FloatSoftmaxLayer,
    Layer,
    LinearLayer,
    PlainModel,
    SoftmaxLayer,
)
from pyexport.tensorfile import RawTensor, read_tensorfile
from pyexport.untrusted import MAX_FILE_BYTES, read_regular

_FORMATS = {"I8": "b", "U8": "B", "U16": "H", "I32": "i", "I64": "q", "F32": "f", "F64": "d"}


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
) -> Layer:
    name, kind = node["name"], node["kind"]
    (source,), (target,) = node["inputs"], node["outputs"]

    def values(field: str) -> list[Any]:
        return _flat(tensors[f"{name}.{field}"])

    def rows(field: str) -> list[list[Any]]:
        flat, width = values(field), tensors[f"{name}.{field}"].shape[1]
        return [flat[i : i + width] for i in range(0, len(flat), width)]

    if kind == "quantized_linear":
        output = descriptions[target]
        return LinearLayer(
            name, source, target, rows("weight"), values("bias"), values("multiplier"),
            values("shift"), node["pre_shift"], output["zero_point"], output["low"],
            output["high"],
        )  # fmt: skip
    if kind == "quantized_softmax":
        return SoftmaxLayer(name, source, target, values("table"))
    if kind == "linear":
        low = -math.inf if node["low"] is None else node["low"]
        high = math.inf if node["high"] is None else node["high"]
        return FloatLinearLayer(name, source, target, rows("weight"), values("bias"), low, high)
    if kind == "softmax":
        return FloatSoftmaxLayer(name, source, target)
    raise ValueError(f"operator {kind!r} is not defined")


def _flat(tensor: RawTensor) -> list[Any]:
    count = math.prod(tensor.shape)
    return list(struct.unpack(f"<{count}{_FORMATS[tensor.dtype]}", tensor.data))
