"""Saves and reads a trained network: the safetensors layout, the graph as JSON in its header.

    metadata "pyexport.scratch": {"format": "pyexport-scratch/1", "producer": "...",
        "graph": [{"kind": "linear", "inputs": 784, "outputs": 64}, {"kind": "relu"}, ...],
        "input": {"scale": 0.00390625, "range": [0.0, 255.0], "unit": "pixel"},
        "labels": ["0", "1", ...]}
    tensors: "0.weight" (64, 784) and "0.bias" (64,), F64, named as in PyTorch's nn.Sequential;
        "calibration.inputs", "evaluation.inputs" (U8 or F64) and "evaluation.targets" (I64)

Every key but format and graph may be missing. float64 numbers are exact; the same network gives
the same bytes. The official safetensors library reads the tensors.
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pyexport.errors import InvalidModelError, OutputError, UsageError
from pyexport.scratch.data import Row, Samples
from pyexport.scratch.layers import (
    Dropout,
    Layer,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from pyexport.tensorfile import RawTensor, write_tensorfile
from pyexport.untrusted import printable

if TYPE_CHECKING:
    from pyexport.scratch.nn import Sequential

KEY = "pyexport.scratch"
FORMAT = "pyexport-scratch/1"
# The layers a file may hold, with the numbers that each one states.
LAYERS: dict[str, tuple[str, ...]] = {
    "linear": ("inputs", "outputs"),
    "relu": (),
    "leaky_relu": ("slope",),
    "sigmoid": (),
    "tanh": (),
    "dropout": ("rate",),
    "softmax": (),
}


@dataclass(frozen=True)
class LayerRecord:
    """One layer: its kind, its numbers, and for a linear one its parameters."""

    kind: str  # a key of LAYERS
    numbers: Mapping[str, float] = field(default_factory=dict)
    weight: Sequence[Sequence[float]] = ()  # (outputs, inputs)
    bias: Sequence[float] = ()  # (outputs,)


@dataclass(frozen=True)
class Rows:
    """Samples that travel with a network: real inputs, and their classes where known."""

    inputs: Sequence[Row]
    targets: Sequence[int] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A network and what its author said about it; None where nothing is said."""

    graph: tuple[LayerRecord, ...]
    input_scale: float = 1.0  # the first layer takes the real input times this
    input_range: tuple[float, float] | None = None  # of the real input
    input_unit: str | None = None
    labels: tuple[str, ...] | None = None
    calibration: Rows | None = None
    evaluation: Rows | None = None
    producer: str = "pyexport scratch"

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return int(self._linear[0].numbers["inputs"])

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return int(self._linear[-1].numbers["outputs"])

    @property
    def _linear(self) -> list[LayerRecord]:
        return [layer for layer in self.graph if layer.kind == "linear"]


def save(
    network: Sequential,
    path: str | Path,
    *,
    input_scale: float = 1.0,
    input_range: tuple[float, float] | None = None,
    input_unit: str | None = None,
    labels: Sequence[object] | None = None,
    calibration: Sequence[Row] | None = None,
    evaluation: Samples | None = None,
) -> None:
    """Write a network to `path`, ready for `pyexport export`; float64 numbers are exact.

    input_scale: what the network was trained on is the real input times this. A network that was
    trained on bytes takes k / 256, so a pixel k in 0..255 has the scale 1 / 256.
    input_range: (low, high) of the real input, e.g. (0, 255)
    calibration: about 100 typical real inputs; evaluation: real inputs with their classes
    labels: a name for each output
    """
    checkpoint = Checkpoint(
        graph=tuple(_record(layer, number) for number, layer in enumerate(network.layers)),
        input_scale=input_scale,
        input_range=input_range,
        input_unit=input_unit,
        labels=None if labels is None else tuple(str(label) for label in labels),
        calibration=None if calibration is None else Rows(calibration),
        evaluation=None if evaluation is None else Rows(evaluation.inputs, evaluation.targets),
    )
    save_checkpoint(checkpoint, path)


def _record(layer: Layer, number: int) -> LayerRecord:
    match layer:
        case Linear():
            sizes = {"inputs": layer.n_in, "outputs": layer.n_out}
            return LayerRecord("linear", sizes, layer.weight, layer.bias)
        case LeakyReLU():
            return LayerRecord("leaky_relu", {"slope": layer.slope})
        case Dropout():
            return LayerRecord("dropout", {"rate": layer.probability})
        case ReLU() | Sigmoid() | Tanh() | Softmax():
            return LayerRecord(type(layer).__name__.lower())
    raise UsageError(f"layer {number}, a {type(layer).__name__}, has no form in a checkpoint")


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the file; raises InvalidModelError or UsageError for content that cannot be read."""
    check_checkpoint(checkpoint, "the network")
    tensors: dict[str, RawTensor] = {}
    for index, layer in enumerate(checkpoint.graph):
        if layer.kind == "linear":
            rows, columns = len(layer.weight), len(layer.weight[0])
            flat = chain.from_iterable(layer.weight)
            tensors[f"{index}.weight"] = RawTensor("F64", (rows, columns), _packed("d", flat))
            tensors[f"{index}.bias"] = RawTensor("F64", (rows,), _packed("d", layer.bias))
    for name, rows_of in (
        ("calibration", checkpoint.calibration),
        ("evaluation", checkpoint.evaluation),
    ):
        if rows_of is not None:
            tensors[f"{name}.inputs"] = _pack_rows(rows_of.inputs)
            if rows_of.targets is not None:
                shape = (len(rows_of.targets),)
                data = _packed("q", rows_of.targets)
                tensors[f"{name}.targets"] = RawTensor("I64", shape, data)
    return write_tensorfile({KEY: _document(checkpoint)}, tensors)


def save_checkpoint(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write the file whole or not at all; raises OutputError."""
    path = Path(path)
    data = write_checkpoint(checkpoint)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except (OSError, ValueError) as error:
        unfinished.unlink(missing_ok=True)
        reason = printable(getattr(error, "strerror", None) or error)
        raise OutputError(f"{printable(path, 300)}: cannot be written ({reason})") from None


def check_checkpoint(checkpoint: Checkpoint, where: str) -> None:
    """Raise a PyexportError, one line, unless shapes agree and every number is finite."""
    width: int | None = None
    for index, layer in enumerate(checkpoint.graph):
        what = f"{where}: layer {index}"
        if layer.kind not in LAYERS or set(layer.numbers) != set(LAYERS[layer.kind]):
            raise InvalidModelError(f"{what} ({printable(layer.kind, 40)}) is of no known kind")
        if layer.kind == "linear":
            width = _check_linear(layer, width, what)
        for name, number in layer.numbers.items():
            if not math.isfinite(number):
                raise InvalidModelError(f"{what}: its {name} is {number}")
    if width is None:
        raise InvalidModelError(f"{where}: there is no linear layer, so nothing was trained")
    scale, limits = checkpoint.input_scale, checkpoint.input_range
    if not (math.isfinite(scale) and scale > 0.0):
        raise InvalidModelError(f"{where}: the input scale must be positive, not {scale!r}")
    if limits is not None and not (
        math.isfinite(limits[0]) and math.isfinite(limits[1]) and limits[0] < limits[1]
    ):
        raise InvalidModelError(
            f"{where}: the input range must be two finite numbers, low < high, not {limits}"
        )
    if checkpoint.labels is not None and len(checkpoint.labels) != checkpoint.outputs:
        raise InvalidModelError(
            f"{where}: {len(checkpoint.labels)} labels for {checkpoint.outputs} outputs"
        )
    for name, rows in (
        ("calibration", checkpoint.calibration),
        ("evaluation", checkpoint.evaluation),
    ):
        if rows is not None:
            _check_rows(rows, checkpoint, f"{where}: {name} data")


def _check_linear(layer: LayerRecord, width: int | None, what: str) -> int:
    inputs, outputs = int(layer.numbers["inputs"]), int(layer.numbers["outputs"])
    if inputs < 1 or outputs < 1 or (width is not None and inputs != width):
        raise InvalidModelError(
            f"{what}: it is linear, {inputs} -> {outputs}, after {width} values"
        )
    if len(layer.weight) != outputs or any(len(row) != inputs for row in layer.weight):
        raise InvalidModelError(f"{what}: its weight is not {outputs} rows of {inputs}")
    if len(layer.bias) != outputs:
        raise InvalidModelError(f"{what}: its bias has {len(layer.bias)} values, not {outputs}")
    for name, values in (("weight", chain.from_iterable(layer.weight)), ("bias", layer.bias)):
        bad = sum(not math.isfinite(value) for value in values)
        if bad:
            raise InvalidModelError(
                f"{what}: its {name} has {bad} NaN or infinite value{'s' if bad > 1 else ''}; "
                "train again with a smaller learning rate"
            )
    return outputs


def _check_rows(rows: Rows, checkpoint: Checkpoint, what: str) -> None:
    if not len(rows.inputs):
        raise UsageError(f"{what} have no rows")
    low, high = checkpoint.input_range or (-math.inf, math.inf)
    for number, row in enumerate(rows.inputs):
        if len(row) != checkpoint.inputs:
            raise UsageError(
                f"{what}: row {number} has {len(row)} values, the network takes {checkpoint.inputs}"
            )
        least, most = min(row), max(row)
        # NaN compares false with everything, so the sum finds it where min and max may not.
        if not (low <= least and most <= high and math.isfinite(sum(row))):
            raise UsageError(
                f"{what}: row {number} reaches from {least:.9g} to {most:.9g}, outside the input "
                f"range {low:.9g} to {high:.9g}"
            )
    if rows.targets is None:
        return
    if len(rows.targets) != len(rows.inputs):
        raise UsageError(f"{what} have {len(rows.inputs)} rows and {len(rows.targets)} targets")
    if min(rows.targets) < 0 or max(rows.targets) >= max(checkpoint.outputs, 2):
        raise UsageError(
            f"{what} have classes {min(rows.targets)} to {max(rows.targets)}; the network has "
            f"{checkpoint.outputs} outputs"
        )


def _document(checkpoint: Checkpoint) -> str:
    graph = [{"kind": layer.kind, **layer.numbers} for layer in checkpoint.graph]
    stated: dict[str, object] = {}
    if checkpoint.input_scale != 1.0:
        stated["scale"] = float(checkpoint.input_scale)
    if checkpoint.input_range is not None:
        stated["range"] = [float(limit) for limit in checkpoint.input_range]
    if checkpoint.input_unit is not None:
        stated["unit"] = checkpoint.input_unit
    document: dict[str, object] = {
        "format": FORMAT,
        "producer": checkpoint.producer,
        "graph": graph,
    }
    if stated:
        document["input"] = stated
    if checkpoint.labels is not None:
        document["labels"] = list(checkpoint.labels)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _pack_rows(rows: Sequence[Row]) -> RawTensor:
    """Return the rows as U8 where every value is a byte, else as F64: exact either way."""
    shape = (len(rows), len(rows[0]))
    values = list(chain.from_iterable(rows))
    if all(0 <= value <= 255 and value == int(value) for value in values):
        return RawTensor("U8", shape, bytes(int(value) for value in values))
    return RawTensor("F64", shape, _packed("d", values))


def _packed(code: str, values: object) -> bytes:
    packed = array(code, values)  # type: ignore[call-overload]
    if sys.byteorder == "big":
        packed.byteswap()
    return bytes(packed.tobytes())
