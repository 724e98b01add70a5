"""What a model file says beside the network: extra/pyexport.json, read, checked and written.

    {"format": "pyexport/1", "producer": "pyexport",
     "input": {"range": [0.0, 16.0], "unit": "pixel"},
     "labels": ["0", "1", ...],
     "calibration": {"inputs": ARRAY},
     "evaluation": {"inputs": ARRAY, "targets": ARRAY}}

    ARRAY = {"dtype": "U8", "shape": [100, 64], "data": base64 of the little-endian buffer}

Every key but "format" may be missing. Inputs are real values, one row a sample, without a batch
dimension of their own; targets are class numbers. An array takes the narrowest dtype of U8, I8,
I16, I32, F32 and F64 that holds it exactly. Keys are sorted: the same content, the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyexport.errors import CalibrationError, FileFormatError, InvalidModelError
from pyexport.frontends.json_view import JsonView
from pyexport.frontends.samples import as_dataset, check_range
from pyexport.ir import Array, Dataset, Graph
from pyexport.untrusted import MAX_RANK, parse_json, printable

FORMAT = "pyexport/1"
MAX_LABEL = 100  # characters
MAX_UNIT = 100

_DTYPES = {"U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True, eq=False)
class Extras:
    """The user's statements about a model; None where nothing is said."""

    input_range: tuple[float, float] | None = None
    input_unit: str | None = None
    labels: tuple[str, ...] | None = None
    calibration: Dataset | None = None
    evaluation: Dataset | None = None


def make_extras(
    graph: Graph,
    where: str,
    *,
    input_range: tuple[float, float] | None = None,
    input_unit: str | None = None,
    calibration: npt.ArrayLike | None = None,
    evaluation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    labels: Sequence[object] | None = None,
) -> Extras:
    """Return the checked arguments of `save`; samples may also be torch tensors."""
    shape = graph.input.shape
    if evaluation is not None and len(evaluation) != 2:
        raise CalibrationError(f"{where}: evaluation must be a pair (inputs, targets)")
    extras = Extras(
        input_range=None if input_range is None else check_limits(input_range, where),
        input_unit=input_unit,
        labels=None if labels is None else tuple(str(label) for label in labels),
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
        ),
    )
    check_extras(extras, graph, where)
    return extras


def check_extras(extras: Extras, graph: Graph, where: str) -> None:
    """Raise a PyexportError unless the statements fit the model and each other."""
    outputs = graph.output.size
    if extras.labels is not None:
        if len(extras.labels) != outputs:
            raise InvalidModelError(
                f"{where}: {len(extras.labels)} labels for {outputs} outputs; give one an output"
            )
        if any(not label or len(label) > MAX_LABEL for label in extras.labels):
            raise InvalidModelError(f"{where}: a label is empty or over {MAX_LABEL} characters")
    if extras.input_unit is not None and len(extras.input_unit) > MAX_UNIT:
        raise InvalidModelError(f"{where}: the input unit is over {MAX_UNIT} characters")
    for name, dataset in (("calibration", extras.calibration), ("evaluation", extras.evaluation)):
        if dataset is None:
            continue
        what = f"{where}: {name} data"
        check_range(dataset, extras.input_range, what)
        if dataset.targets is not None and int(dataset.targets.max()) >= max(outputs, 2):
            raise CalibrationError(
                f"{what} have class {int(dataset.targets.max())}; the model has {outputs} outputs"
            )


def render_extras(extras: Extras) -> str:
    """Return the JSON text of extra/pyexport.json."""
    document: dict[str, object] = {"format": FORMAT, "producer": "pyexport"}
    stated_input: dict[str, object] = {}
    if extras.input_range is not None:
        stated_input["range"] = list(extras.input_range)
    if extras.input_unit is not None:
        stated_input["unit"] = extras.input_unit
    if stated_input:
        document["input"] = stated_input
    if extras.labels is not None:
        document["labels"] = list(extras.labels)
    if extras.calibration is not None:
        document["calibration"] = _render_dataset(extras.calibration)
    if extras.evaluation is not None:
        document["evaluation"] = _render_dataset(extras.evaluation)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_extras(text: bytes, graph: Graph, where: str) -> Extras:
    """Return the checked content of extra/pyexport.json."""
    path = f"{where}: extra/pyexport.json"
    document = JsonView(parse_json(text, path), path)
    stated = document["format"].text()
    if stated != FORMAT:
        raise FileFormatError(
            f"{path} has format {printable(stated, 40)}, this version reads {FORMAT}; "
            "save it again or update pyexport"
        )
    stated_input = document.get("input")
    limits = stated_input.get("range") if stated_input else None
    unit = stated_input.get("unit") if stated_input else None
    labels = document.get("labels")
    extras = Extras(
        input_range=check_limits([v.number() for v in limits], path) if limits else None,
        input_unit=unit.text() if unit else None,
        labels=tuple(label.text() for label in labels) if labels else None,
        calibration=_parse_dataset(document.get("calibration"), graph),
        evaluation=_parse_dataset(document.get("evaluation"), graph),
    )
    check_extras(extras, graph, where)
    return extras


def check_limits(limits: Sequence[float], where: str) -> tuple[float, float]:
    """Return an input range as a pair; raises InvalidModelError."""
    try:
        low, high = (float(v) for v in limits)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InvalidModelError(
            f"{where}: input_range must be two finite numbers (low, high) with low < high, not "
            f"{printable(limits, 40)}"
        )
    return low, high


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


def _parse_dataset(view: JsonView | None, graph: Graph) -> Dataset | None:
    if view is None:
        return None
    targets = view.get("targets")
    inputs = _parse_array(view["inputs"])
    return as_dataset(
        inputs, _parse_array(targets) if targets else None, graph.input.shape, view.path
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
