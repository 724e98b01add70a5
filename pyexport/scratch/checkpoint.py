"""What a saved network states: the safetensors layout, the graph as JSON in its header.

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

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch.data import Row
from pyexport.untrusted import printable

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
        len(limits) == 2 and all(map(math.isfinite, limits)) and limits[0] < limits[1]
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
