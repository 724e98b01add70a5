"""Walks an ONNX graph to its end although parts of it cannot be exported, for `inspect`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import PyexportError
from pyexport.frontends.onnx.folding import FOLDS, MEASURES
from pyexport.frontends.onnx.graph import check_version, output_of, record, results_of, start
from pyexport.frontends.onnx.lowering import Lowering
from pyexport.frontends.onnx.model import OnnxModel, OnnxNode, parse_model
from pyexport.frontends.onnx.operators import OPERATORS
from pyexport.frontends.onnx.tensors import DTYPE_NAMES, make_store
from pyexport.frontends.survey import Part
from pyexport.untrusted import printable


@dataclass(frozen=True)
class OnnxContents:
    """What an ONNX file holds, and every reason for which an export would refuse it."""

    producer: str
    operators: tuple[Part, ...]
    tensors: tuple[Part, ...]
    refusals: tuple[PyexportError, ...]


def survey_onnx(data: bytes, where: str, folder: Path | None) -> OnnxContents:
    """Return the contents of a file; raises FileFormatError where it is damaged."""
    model = parse_model(data, where)
    tensors = tuple(
        Part(
            printable(tensor.name),
            DTYPE_NAMES.get(tensor.dtype, f"type {tensor.dtype}"),
            tensor.shape,
            math.prod(tensor.shape),
        )
        for tensor in model.initializers.values()
    )
    operators = tuple(_part(model, node) for node in model.nodes)
    refusals = _refusals(model, where, folder, len(data))
    unique = {str(error): error for error in refusals}
    return OnnxContents(
        f"{model.producer}, opset {model.opset}", operators, tensors, tuple(unique.values())
    )


def _part(model: OnnxModel, node: OnnxNode) -> Part:
    info = model.values.get(node.outputs[0]) if node.outputs else None
    sizes = (info.sizes or ()) if info else ()
    held = [model.initializers[name] for name in node.inputs if name in model.initializers]
    return Part(
        printable(node.module or node.name),
        printable(node.operator),
        tuple(n if isinstance(n, int) else printable(n, 20) for n in sizes),
        sum(math.prod(tensor.shape) for tensor in held),
    )


def _refusals(model: OnnxModel, where: str, folder: Path | None, size: int) -> list[PyexportError]:
    """Return the reasons in order; what follows from one that was given is not given again."""
    try:
        check_version(model, where)
        low = start(model, where, make_store(where, folder, size))
    except PyexportError as error:
        return [error]
    refused: list[PyexportError] = []
    unsure: set[str] = set()
    for node in model.nodes:
        refused.extend(_walk(low, node, unsure))
    for name in model.outputs:
        if name not in unsure:
            try:
                output_of(low, name)
            except PyexportError as error:
                refused.append(error)
    return refused


def _walk(low: Lowering, node: OnnxNode, unsure: set[str]) -> list[PyexportError]:
    """Lower a node; return what an export would say about it. Its results are unsure then."""
    known = node.operator in OPERATORS or node.operator in FOLDS or node.operator in MEASURES
    if not unsure.isdisjoint(node.inputs):
        unsure.update(node.outputs)
        return [] if known else [low.unsupported(node)]
    try:
        record(low, node, results_of(low, node))
    except PyexportError as error:
        unsure.update(node.outputs)
        return [error]
    return []
