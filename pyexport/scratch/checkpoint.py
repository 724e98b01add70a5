"""What a saved network states: the safetensors layout, the graph as JSON in its header.

    metadata "pyexport.scratch": {"format": "pyexport-scratch/1", "producer": "...",
        "graph": [{"kind": "linear", "inputs": 784, "outputs": 64}, {"kind": "relu"}, ...],
                  (a spiking layer: {"kind": "readout", "method": "count"}; kinds.py has them all)
        "input": {"scale": 0.00390625, "range": [0.0, 255.0], "unit": "pixel"},
        "labels": ["0", "1", ...],                 (all of pyexport/statements.py can be stated)
        "training": {"engine": "packed", "input_bits": 8, "clip": 4.0, "dropout": "0a1b..."}}
    tensors: "0.weight" (64, 784) and "0.bias" (64,), F64, named as in PyTorch's nn.Sequential;
        "calibration.inputs", "evaluation.inputs" (U8 or F64) and "evaluation.targets" (I64, or of a
        regression F64 with a row of outputs a sample)

Scikit-learn models may hold two kinds more, which no engine trains: {"kind": "affine", "columns":
13} with "0.scale" and "0.shift" (13,), F64, and {"kind": "clamp", "low": 0.0, "high": 1.0}.

Every key but format and graph may be missing. float64 numbers are exact; the same network gives
the same bytes. The official safetensors library reads the tensors. "training" is what a network
needs besides to train on as if it had never been saved; its "dropout" is the state of the random
generator, 625 words of 4 bytes (big-endian) in hexadecimal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from pyexport.errors import InvalidModelError, UsageError
from pyexport.scratch.data import Row
from pyexport.scratch.kinds import KINDS, make_layer
from pyexport.scratch.losses import Target
from pyexport.scratch.nn import ENGINES, HIDDEN_BITS
from pyexport.scratch.spiking import check_spiking
from pyexport.statement_check import check_statements
from pyexport.statements import NOTHING, Statements
from pyexport.untrusted import printable

KEY = "pyexport.scratch"
FORMAT = "pyexport-scratch/1"
# What each kind of layer states: those of the engines, and of scalers that clip.
NUMBERS: Mapping[str, tuple[str, ...]] = {
    **{name: tuple(kind.numbers) for name, kind in KINDS.items()},
    "affine": ("columns",),
    "clamp": ("low", "high"),
}
CHOICES: Mapping[str, Mapping[str, tuple[str | bool, ...]]] = {
    name: kind.choices for name, kind in KINDS.items() if kind.choices
}
STATE_WORDS = 625  # of Python's random.Random


@dataclass(frozen=True)
class LayerRecord:
    """One layer: its kind, its numbers, and for a linear or affine one its parameters."""

    kind: str  # a key of NUMBERS
    numbers: Mapping[str, float] = field(default_factory=dict)
    weight: Sequence[Sequence[float]] = ()  # (outputs, inputs); of an affine one (1, columns)
    bias: Sequence[float] = ()  # (outputs,), or (columns,)
    choices: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """Samples that travel with a network: real inputs, and their targets where known.

    A target is the number of a class; of a regression it is one number an output.
    """

    inputs: Sequence[Row]
    targets: Sequence[Target] | None = None


@dataclass(frozen=True)
class Training:
    """What a network trains with, apart from its layers."""

    engine: str
    input_bits: int
    clip: float
    dropout: tuple[int, ...] | None = None  # STATE_WORDS words; None without dropout


@dataclass(frozen=True)
class Checkpoint:
    """A network and what its author said about it; None where nothing is said."""

    graph: tuple[LayerRecord, ...]
    statements: Statements = NOTHING
    calibration: Rows | None = None
    evaluation: Rows | None = None
    producer: str = "pyexport scratch"
    training: Training | None = None

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
    linear = False
    for index, layer in enumerate(checkpoint.graph):
        what = f"{where}: layer {index}"
        if layer.kind not in NUMBERS or set(layer.numbers) != set(NUMBERS[layer.kind]):
            raise InvalidModelError(
                f"{what} ({printable(layer.kind, 40)}) is of no known kind, or states other numbers"
                f" than it must; use {', '.join(NUMBERS)}"
            )
        if set(layer.choices) != set(CHOICES.get(layer.kind, ())):
            raise InvalidModelError(f"{what} ({layer.kind}) does not choose what it must")
        if layer.kind == "linear":
            width, linear = _check_linear(layer, width, what), True
        if layer.kind == "affine":
            width = _check_affine(layer, width, what)
        for name, number in layer.numbers.items():
            if not math.isfinite(number):
                raise InvalidModelError(f"{what}: its {name} is {number}; use a finite number")
        if layer.kind == "clamp" and layer.numbers["low"] > layer.numbers["high"]:
            raise InvalidModelError(f"{what}: its low is above its high; exchange them")
    _check_spiking(checkpoint.graph, where)
    if not linear:
        raise InvalidModelError(
            f"{where}: there is no linear layer, so nothing was trained; add one"
        )
    check_statements(checkpoint.statements, where, (checkpoint.inputs,), checkpoint.outputs)
    if checkpoint.training is not None:
        _check_training(checkpoint.training, where)
    for name, rows in (
        ("calibration", checkpoint.calibration),
        ("evaluation", checkpoint.evaluation),
    ):
        if rows is not None:
            _check_rows(rows, checkpoint, f"{where}: {name} data")


def _check_spiking(graph: Sequence[LayerRecord], where: str) -> None:
    layers: list[object] = []
    for index, layer in enumerate(graph):
        try:
            spiking = layer.kind in CHOICES or layer.kind == "linear"
            made = make_layer(layer.kind, layer.numbers, layer.choices) if spiking else None
        except UsageError as error:
            raise InvalidModelError(f"{where}: layer {index}: {error}") from None
        layers.append(made)
    try:
        check_spiking(layers)
    except UsageError as error:
        raise InvalidModelError(f"{where}: {error}") from None


def _check_training(training: Training, where: str) -> None:
    if training.engine not in ENGINES:
        raise InvalidModelError(
            f"{where}: there is no engine {printable(training.engine, 40)}; use one of"
            f" {', '.join(ENGINES)}"
        )
    if not 1 <= training.input_bits <= HIDDEN_BITS:
        raise InvalidModelError(
            f"{where}: its input_bits are {training.input_bits}; use 1 to {HIDDEN_BITS}"
        )
    if not (math.isfinite(training.clip) and math.frexp(training.clip)[0] == 0.5):
        raise InvalidModelError(
            f"{where}: its clip is {training.clip}; use a power of two such as 2 or 4"
        )
    state = training.dropout
    if state is not None and not (
        len(state) == STATE_WORDS
        and all(0 <= word < 1 << 32 for word in state)
        and state[-1] < STATE_WORDS
    ):
        raise InvalidModelError(
            f"{where}: its dropout is no state of a random generator; save it again"
        )


def _check_affine(layer: LayerRecord, width: int | None, what: str) -> int:
    columns = int(layer.numbers["columns"])
    sizes = {columns, len(layer.bias), *(len(row) for row in layer.weight)}
    if len(layer.weight) != 1 or sizes != {columns} or width not in (None, columns):
        raise InvalidModelError(
            f"{what}: it is affine with {columns} columns after {width} values; make sizes agree"
        )
    if not all(map(math.isfinite, chain(layer.weight[0], layer.bias))):
        raise InvalidModelError(f"{what}: it holds NaN or infinite values; fit the scaler again")
    return columns


def _check_linear(layer: LayerRecord, width: int | None, what: str) -> int:
    inputs, outputs = int(layer.numbers["inputs"]), int(layer.numbers["outputs"])
    if inputs < 1 or outputs < 1 or (width is not None and inputs != width):
        raise InvalidModelError(
            f"{what}: it is linear, {inputs} -> {outputs}, after {width} values; make sizes agree"
        )
    if len(layer.weight) != outputs or any(len(row) != inputs for row in layer.weight):
        raise InvalidModelError(
            f"{what}: its weight is not {outputs} rows of {inputs}; give it in that shape"
        )
    if len(layer.bias) != outputs:
        raise InvalidModelError(
            f"{what}: its bias has {len(layer.bias)} values, not {outputs}; give one an output"
        )
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
        raise UsageError(f"{what} have no rows; give some, or leave them out")
    low, high = checkpoint.statements.input_range or (-math.inf, math.inf)
    for number, row in enumerate(rows.inputs):
        if len(row) != checkpoint.inputs:
            raise UsageError(
                f"{what}: row {number} has {len(row)} values, the network takes"
                f" {checkpoint.inputs}; give rows of that size"
            )
        least, most = min(row), max(row)
        # NaN compares false with everything, so the sum finds it where min and max may not.
        if not (low <= least and most <= high and math.isfinite(sum(row))):
            raise UsageError(
                f"{what}: row {number} reaches from {least:.9g} to {most:.9g}, outside the input "
                f"range {low:.9g} to {high:.9g}; correct the data or input_range"
            )
    if rows.targets is None:
        return
    if len(rows.targets) != len(rows.inputs):
        raise UsageError(
            f"{what} have {len(rows.inputs)} rows and {len(rows.targets)} targets;"
            " give a target for each row"
        )
    if checkpoint.statements.is_regression:
        _check_values(rows.targets, checkpoint.outputs, what)
        return
    classes_of = [target for target in rows.targets if isinstance(target, int)]
    if len(classes_of) != len(rows.targets):
        raise UsageError(
            f"{what} have targets that are not class numbers 0, 1, 2, ...; real values take the"
            " task regression (output_task)"
        )
    classes = max(checkpoint.outputs, 2)  # a single output tells class 1 by its sign
    if min(classes_of) < 0 or max(classes_of) >= classes:
        raise UsageError(
            f"{what} have classes {min(classes_of)} to {max(classes_of)}; with"
            f" {checkpoint.outputs} outputs they go from 0 to {classes - 1}"
        )


def _check_values(targets: Sequence[Target], outputs: int, what: str) -> None:
    """Raise UsageError unless each target is a finite number an output."""
    for number, target in enumerate(targets):
        row = [target] if isinstance(target, int | float) else list(target)
        if len(row) != outputs or not all(map(math.isfinite, row)):
            raise UsageError(
                f"{what}: target {number} is not {outputs} finite numbers; a regression has one an"
                " output"
            )
