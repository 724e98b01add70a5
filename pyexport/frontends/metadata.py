"""What a model file says beside the network: extra/pyexport.json, read, checked and written.

    {"format": "pyexport/1", "producer": "pyexport",
     "input": {"range": [0.0, 16.0], "unit": "pixel"},
     "labels": ["0", "1", ...],
     "calibration": {"inputs": ARRAY},
     "evaluation": {"inputs": ARRAY, "targets": ARRAY}}

    ARRAY = {"dtype": "U8", "shape": [100, 64], "data": base64 of the little-endian buffer}

Every key but "format" may be missing; pyexport/statements.py has them all. Inputs are real values,
one row a sample, without a batch dimension of their own; targets are class numbers, or real values
under output.task "regression". An array takes the narrowest dtype of U8, I8, I16, I32, F32 and F64
that holds it exactly. Keys are sorted: the same content, the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from pyexport.errors import CalibrationError, FileFormatError, InvalidModelError
from pyexport.frontends.json_view import JsonView
from pyexport.frontends.samples import as_dataset, check_range
from pyexport.ir import Array, Dataset, Graph
from pyexport.layout import user_shape
from pyexport.statement_check import check_statements
from pyexport.statements import (
    FORMAT,
    NOTHING,
    SAMPLES,
    Arguments,
    Statements,
    parse_statements,
    state,
    statements_document,
)
from pyexport.untrusted import MAX_RANK, parse_json, printable

_DTYPES = {"U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True, eq=False)
class Extras:
    """The user's statements about a model, and the rows that came with them."""

    statements: Statements = NOTHING
    calibration: Dataset | None = None
    evaluation: Dataset | None = None


def make_extras(graph: Graph, where: str, **arguments: Unpack[Arguments]) -> Extras:
    """Return the checked arguments of `save`; samples may also be torch tensors."""
    statements = state(where, arguments)
    calibration, evaluation = arguments.get("calibration"), arguments.get("evaluation")
    if evaluation is not None and len(evaluation) != 2:
        raise CalibrationError(f"{where}: evaluation must be a pair (inputs, targets)")
    shape, values = graph.input.shape, target_values(statements, graph)
    extras = Extras(
        statements,
        calibration=None
        if calibration is None
        else as_dataset(_to_numpy(calibration), None, shape, f"{where}: calibration data"),
        evaluation=None
        if evaluation is None
        else as_dataset(
            _to_numpy(evaluation[0]),
            _to_numpy(evaluation[1]),
            shape,
            f"{where}: evaluation data",
            values,
        ),
    )
    check_extras(extras, graph, where)
    return extras


def target_values(statements: Statements, graph: Graph) -> int | None:
    """Return how many real values a target has; None where targets are class numbers."""
    return graph.output.size if statements.is_regression else None


def check_extras(extras: Extras, graph: Graph, where: str) -> None:
    """Raise a PyexportError unless the statements fit the model and each other."""
    outputs = graph.output.size
    check_statements(extras.statements, where, user_shape(graph.input), outputs)
    if extras.statements.states is not None and not graph.states:
        raise InvalidModelError(
            f"{where}: states are stated, and this kind of file has none; leave states out"
        )
    if graph.states and extras.evaluation is not None:
        raise CalibrationError(
            f"{where}: rows of a model with states are steps of one sequence, for which no "
            "evaluation is defined; leave it out"
        )
    for name in SAMPLES:
        dataset = getattr(extras, name)
        if dataset is None:
            continue
        what = f"{where}: {name} data"
        check_range(dataset, extras.statements.input_range, what)
        if dataset.targets is None or extras.statements.is_regression:
            continue
        if int(dataset.targets.max()) >= max(outputs, 2):
            raise CalibrationError(
                f"{what} have class {int(dataset.targets.max())}; the model has {outputs} outputs"
            )


def render_extras(extras: Extras) -> str:
    """Return the JSON text of extra/pyexport.json."""
    document: dict[str, object] = {"format": FORMAT, "producer": "pyexport"}
    document |= statements_document(extras.statements)
    for name in SAMPLES:
        if getattr(extras, name) is not None:
            document[name] = _render_dataset(getattr(extras, name))
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_extras(
    text: bytes, graph: Graph, where: str, place: str = "extra/pyexport.json"
) -> Extras:
    """Return the checked content of extra/pyexport.json, or of another place with the same text."""
    path = f"{where}: {place}"
    document = JsonView(parse_json(text, path), path)
    stated = document["format"].text()
    if stated != FORMAT:
        raise FileFormatError(
            f"{path} has format {printable(stated, 40)}, this version reads {FORMAT}; "
            "save it again or update pyexport"
        )
    statements = parse_statements(document.value, path, ("format", "producer", *SAMPLES))
    values = target_values(statements, graph)
    extras = Extras(
        statements,
        calibration=_parse_dataset(document.get("calibration"), graph, values),
        evaluation=_parse_dataset(document.get("evaluation"), graph, values),
    )
    check_extras(extras, graph, where)
    return extras


def _render_dataset(dataset: Dataset) -> dict[str, object]:
    rendered: dict[str, object] = {"inputs": _render_array(dataset.inputs)}
    if dataset.targets is not None:
        rendered["targets"] = _render_array(dataset.targets)
    return rendered


def _render_array(array: Array) -> dict[str, object]:
    dtype = next(name for name, code in _DTYPES.items() if _holds(code, array))
    data = base64.b64encode(array.astype(_DTYPES[dtype]).tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(array.shape), "data": data}


def _holds(code: str, array: Array) -> bool:
    """Return whether a dtype holds every value exactly; float64 counts as exact."""
    with np.errstate(invalid="ignore", over="ignore"):
        return code == "<f8" or np.array_equal(array.astype(code), array)


def _parse_dataset(view: JsonView | None, graph: Graph, values: int | None) -> Dataset | None:
    if view is None:
        return None
    targets = view.get("targets")
    inputs = _parse_array(view["inputs"])
    return as_dataset(
        inputs, _parse_array(targets) if targets else None, graph.input.shape, view.path, values
    )


def _parse_array(view: JsonView) -> Array:
    code = _DTYPES.get(view["dtype"].text())
    if code is None:
        raise view["dtype"].refuse(f"one of {', '.join(_DTYPES)}")
    shape = tuple(size.size() for size in view["shape"])
    try:
        data = base64.b64decode(view["data"].text(), validate=True)
    except (binascii.Error, ValueError):
        raise view["data"].refuse("base64") from None
    dtype = np.dtype(code)
    if len(shape) > MAX_RANK:
        raise view["shape"].refuse(f"at most {MAX_RANK} sizes")
    if 0 in shape or math.prod(shape) * dtype.itemsize != len(data):
        raise view["data"].refuse(f"{math.prod(shape) * dtype.itemsize} bytes")
    return np.frombuffer(data, dtype).reshape(shape)


def _to_numpy(value: Any) -> npt.ArrayLike:
    """Return a torch tensor as an array without importing torch; other things unchanged."""
    detach = getattr(value, "detach", None)
    tensor = detach().cpu() if detach else value
    if detach and tensor.is_floating_point() and tensor.itemsize == 2:
        tensor = tensor.float()  # NumPy has no bfloat16
    array: npt.ArrayLike = tensor.numpy() if detach else value
    return array
