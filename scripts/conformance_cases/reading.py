"""Reads a case as the exporter reads a file: what is a parameter becomes stored, opsets are raised.

Tests of single operators pass everything as inputs, weights too. The inputs of PARAMETERS become
initializers, and so do integers (shapes, axes) beside floats; the others are data. The first axis
is the batch. Where the operator works along it, the whole tensor is one row of data. Outputs that
only training uses are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper, version_converter

from pyexport.errors import PyexportError, UnsupportedModelError
from pyexport.frontends.onnx.graph import OPSETS, lower
from pyexport.frontends.onnx.model import parse_model
from pyexport.frontends.onnx.tensors import make_store
from pyexport.ir import Array, Graph
from pyexport.layout import to_device
from scripts.conformance_cases.cases import Case

CONVERTED_OPSET = 20  # of models older than OPSETS: what the exporter's refusal recommends
PARAMETERS = {  # operator -> inputs that layers store
    "BatchNormalization": (1, 2, 3, 4),
    "Clip": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Div": (1,),
    "Dropout": (1, 2),
    "GRU": (1, 2, 3, 4, 5),
    "Gemm": (1, 2),
    "LSTM": (1, 2, 3, 4, 5, 6, 7),
    "LayerNormalization": (1, 2),
    "PRelu": (1,),
    "Pad": (2,),
    "Pow": (1,),
    "Resize": (1, 2),
}
TRAINING_OUTPUTS = ("Dropout", "LayerNormalization")  # a mask; mean and deviation
BATCH_AXES: dict[str, tuple[int | None, ...]] = {"LSTM": (1, 0), "GRU": (1, 0)}


@dataclass(frozen=True, eq=False)
class Reading:
    """The float graph of a case as the reader makes it, and its data without the stored inputs."""

    graph: Graph
    rows: tuple[Array, ...]  # by the graph's inputs, (n, *tensor shape)
    expected: tuple[Array, ...]  # by the graph's outputs, (n, *tensor shape)


def on_device(reading: Reading, graph: Graph) -> dict[str, Array]:
    """Return the rows as a graph takes them that passes made of the reading's."""
    pairs = zip(graph.inputs, reading.rows, strict=True)
    return {name: to_device(rows, graph.tensor(name)) for name, rows in pairs}


def read_case(case: Case) -> Reading:
    """Return the graph of a case; raises PyexportError with the reason of the refusal."""
    if not case.inputs or not case.outputs:
        raise UnsupportedModelError(f"{case.name}: takes or gives other things than tensors")
    model, data = _with_parameters(_raised(case), case.inputs)
    refusals: list[PyexportError] = []
    (kind,) = case.operators if len(case.operators) == 1 else ("",)
    for batch in BATCH_AXES.get(kind, (0, None)):
        try:
            return _read(case, model, data, batch)
        except PyexportError as refusal:
            refusals.append(refusal)
    raise next((r for r in refusals if "batch" not in str(r)), refusals[0])


def _raised(case: Case) -> onnx.ModelProto:
    versions = [o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")]
    if not versions or versions[0] >= OPSETS[0]:
        return case.model
    try:
        return version_converter.convert_version(case.model, CONVERTED_OPSET)
    except Exception as error:  # of the converter, which is C++
        raise UnsupportedModelError(
            f"{case.name}: of opset {versions[0]}, which onnx.version_converter cannot raise"
        ) from error


def _with_parameters(
    model: onnx.ModelProto, inputs: Sequence[Array]
) -> tuple[onnx.ModelProto, list[Array]]:
    """Return the model with its parameters stored, and the inputs that are left."""
    stored = {
        node.input[i]
        for node in model.graph.node
        for i in PARAMETERS.get(node.op_type, ())
        if i < len(node.input)
    }
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        if node.op_type in TRAINING_OUTPUTS:
            del node.output[1:]
            del changed.graph.output[1:]
    known = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in known]
    floats = any(array.dtype.kind not in "iub" for array in inputs)
    data = []
    for name, array in zip(names, inputs, strict=True):
        if name in stored or (floats and array.dtype.kind in "iub"):
            changed.graph.initializer.append(numpy_helper.from_array(array, name))
        else:
            data.append(array)
    return changed, data


def _read(case: Case, model: onnx.ModelProto, data: list[Array], batch: int | None) -> Reading:
    encoded = model.SerializeToString()
    parsed = parse_model(encoded, case.name)
    read = lower(parsed, case.name, make_store(case.name, None, len(encoded)), batch)
    graph = read.graph
    rows = [_rows(array, batch) for array in data]
    expected = [
        to_device(_rows(array, place), graph.tensor(name))
        for name, array, place in zip(
            graph.outputs, case.outputs, read.output_batches, strict=False
        )
    ]
    return Reading(graph, tuple(rows), tuple(expected))


def _rows(array: Array, batch: int | None) -> Array:
    """Return an array of ONNX as rows: (n, *shape without the batch)."""
    return array[None] if batch is None else np.moveaxis(array, batch, 0)
