"""Writes a trained network as a checkpoint that its own reader has taken back."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Unpack

from pyexport.errors import FileFormatError, InvalidModelError, OutputError, UsageError
from pyexport.scratch.checkpoint import (
    FORMAT,
    KEY,
    Checkpoint,
    LayerRecord,
    Rows,
    Training,
    check_checkpoint,
)
from pyexport.scratch.checkpoint_reader import AGAIN, parse_checkpoint
from pyexport.scratch.data import Row, Samples
from pyexport.scratch.kinds import KINDS
from pyexport.scratch.layers import Dropout, Layer, Linear
from pyexport.scratch.losses import Target
from pyexport.scratch.nn import Sequential
from pyexport.statements import Arguments, parse_statements, state, statements_document
from pyexport.tensorfile import RawTensor, write_tensorfile
from pyexport.untrusted import MAX_MODEL_BYTES, printable


def save(network: Sequential, path: str | Path, **arguments: Unpack[Arguments]) -> None:
    """Write a network to `path`, ready for `pyexport export`; float64 numbers are exact.

    The engine, its settings and the state of dropout are written too, for pyexport.scratch.load.

    The arguments are those of pyexport.save (docs/metadata.md), for example:

    input_scale: what the network was trained on is the real input times this. A network that was
    trained on bytes takes k / 256, so a pixel k in 0..255 has the scale 1 / 256.
    input_range: (low, high) of the real input, e.g. (0, 255)
    calibration: about 100 typical real inputs; evaluation: Samples, or (inputs, targets)
    labels: a name for each output
    """
    checkpoint = Checkpoint(
        graph=tuple(_record(layer, number) for number, layer in enumerate(network.layers)),
        statements=state("the network", arguments),
        calibration=_calibration(arguments.get("calibration")),
        evaluation=_evaluation(arguments.get("evaluation")),
        training=_training(network),
    )
    save_checkpoint(checkpoint, path)


def _calibration(rows: Any) -> Rows | None:
    return None if rows is None else Rows(rows)


def _evaluation(rows: Any) -> Rows | None:
    if rows is None:
        return None
    if isinstance(rows, Samples):
        return Rows(rows.inputs, rows.targets)
    if not isinstance(rows, tuple) or len(rows) != 2:
        raise UsageError("the network: evaluation must be Samples, or a pair (inputs, targets)")
    return Rows(*rows)


def _record(layer: Layer, number: int) -> LayerRecord:
    for name, kind in KINDS.items():
        if type(layer) is kind.make:
            numbers = {stated: getattr(layer, own) for stated, own in kind.numbers.items()}
            if isinstance(layer, Linear):
                return LayerRecord(name, numbers, layer.weight, layer.bias)
            choices = {chosen: getattr(layer, chosen) for chosen in kind.choices}
            return LayerRecord(name, numbers, choices=choices)
    raise UsageError(
        f"layer {number}, a {printable(type(layer).__name__, 40)}, has no form in a checkpoint;"
        f" use only {', '.join(KINDS)}"
    )


def _training(network: Sequential) -> Training:
    states = [layer.rng.getstate()[1] for layer in network.layers if isinstance(layer, Dropout)]
    return Training(network.engine, network.input_bits, network.clip, states[0] if states else None)


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the file; raises InvalidModelError or UsageError for content that cannot be read."""
    try:
        parse_statements(statements_document(checkpoint.statements), "the network")
        data = _bytes(checkpoint)
    except FileFormatError as error:
        raise InvalidModelError(str(error)) from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise UsageError(
            f"the network: something to save has the wrong type or size ({printable(error)});"
            " give numbers as int or float, labels and units as text"
        ) from None
    if len(data) > MAX_MODEL_BYTES:
        raise UsageError(
            f"the network: {len(data) >> 20} MiB, over the limit of {MAX_MODEL_BYTES >> 20};"
            " save fewer samples with it"
        )
    try:
        parse_checkpoint(data, "the network")
    except FileFormatError as error:
        raise InvalidModelError(str(error).removesuffix(f"; {AGAIN}")) from None
    return data


def _bytes(checkpoint: Checkpoint) -> bytes:
    check_checkpoint(checkpoint, "the network")
    tensors: dict[str, RawTensor] = {}
    for index, layer in enumerate(checkpoint.graph):
        if layer.kind == "linear":
            rows, columns = len(layer.weight), len(layer.weight[0])
            flat = chain.from_iterable(layer.weight)
            tensors[f"{index}.weight"] = RawTensor("F64", (rows, columns), _packed("d", flat))
            tensors[f"{index}.bias"] = RawTensor("F64", (rows,), _packed("d", layer.bias))
        if layer.kind == "affine":
            for name, values in (("scale", layer.weight[0]), ("shift", layer.bias)):
                tensors[f"{index}.{name}"] = RawTensor("F64", (len(values),), _packed("d", values))
    for name, rows_of in (
        ("calibration", checkpoint.calibration),
        ("evaluation", checkpoint.evaluation),
    ):
        if rows_of is not None:
            tensors[f"{name}.inputs"] = _pack_rows(rows_of.inputs)
            if rows_of.targets is not None:
                tensors[f"{name}.targets"] = _pack_targets(rows_of.targets, checkpoint)
    return write_tensorfile({KEY: _document(checkpoint)}, tensors)


def save_checkpoint(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write the file whole or not at all; raises OutputError."""
    path = Path(path)
    data = write_checkpoint(checkpoint)
    unfinished = path.parent / f"{path.name}.part"
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            unfinished.unlink()
        reason = printable(getattr(error, "strerror", None) or error)
        raise OutputError(
            f"{printable(path, 300)}: cannot be written ({reason}); choose another place"
        ) from None


def _document(checkpoint: Checkpoint) -> str:
    graph = [{"kind": layer.kind, **layer.numbers, **layer.choices} for layer in checkpoint.graph]
    document: dict[str, object] = {
        "format": FORMAT,
        "producer": checkpoint.producer,
        "graph": graph,
        **statements_document(checkpoint.statements),
    }
    if checkpoint.training is not None:
        document["training"] = _stated_training(checkpoint.training)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _stated_training(training: Training) -> dict[str, object]:
    stated: dict[str, object] = {
        "engine": training.engine,
        "input_bits": training.input_bits,
        "clip": float(training.clip),
    }
    if training.dropout is not None:
        stated["dropout"] = b"".join(word.to_bytes(4, "big") for word in training.dropout).hex()
    return stated


def _pack_rows(rows: Sequence[Row]) -> RawTensor:
    """Return the rows as U8 where every value is a byte, else as F64: exact either way."""
    shape = (len(rows), len(rows[0]))
    values = list(chain.from_iterable(rows))
    if all(0 <= value <= 255 and value == int(value) for value in values):
        return RawTensor("U8", shape, bytes(int(value) for value in values))
    return RawTensor("F64", shape, _packed("d", values))


def _pack_targets(targets: Sequence[Target], checkpoint: Checkpoint) -> RawTensor:
    if not checkpoint.statements.is_regression:
        return RawTensor("I64", (len(targets),), _packed("q", targets))
    rows = [[t] if isinstance(t, int | float) else t for t in targets]
    data = _packed("d", chain.from_iterable(rows))
    return RawTensor("F64", (len(rows), checkpoint.outputs), data)


def _packed(code: str, values: object) -> bytes:
    packed = array(code, values)  # type: ignore[call-overload]
    if sys.byteorder == "big":
        packed.byteswap()
    return bytes(packed.tobytes())
