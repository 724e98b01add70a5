"""Reads a checkpoint that anybody may have written: every fault is one line, nothing is run."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyexport.errors import FileFormatError, UsageError
from pyexport.scratch.checkpoint import (
    CHOICES,
    FORMAT,
    KEY,
    NUMBERS,
    STATE_WORDS,
    Checkpoint,
    LayerRecord,
    Rows,
    Training,
    check_checkpoint,
)
from pyexport.scratch.kinds import KINDS, make_layer
from pyexport.scratch.layers import Dropout, Layer, Linear
from pyexport.scratch.losses import Target
from pyexport.scratch.nn import Sequential
from pyexport.statements import as_arguments, parse_statements
from pyexport.tensorfile import RawTensor, read_tensorfile
from pyexport.untrusted import (
    MAX_LAYERS,
    MAX_MODEL_BYTES,
    MAX_SIZE,
    MAX_TEXT,
    parse_json,
    printable,
)

AGAIN = "the file is damaged, save it again"
_CODES = {"F64": "d", "I64": "q", "U8": "B"}


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Return the checkpoint in a file; raises PyexportError in one line."""
    path = Path(path)
    where = printable(path, 300)
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise FileFormatError(
                f"{where}: {size >> 20} MiB, over the limit of {MAX_MODEL_BYTES >> 20}; "
                "name a checkpoint"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = printable(getattr(error, "strerror", None) or error)
        raise FileFormatError(
            f"{where}: cannot be read ({reason}); name a checkpoint that you may read"
        ) from None
    return parse_checkpoint(data, where)


def parse_checkpoint(data: bytes, where: str) -> Checkpoint:
    """Return the checkpoint in these bytes; `where` names the file in errors."""
    metadata, tensors = read_tensorfile(data, where)
    if KEY not in metadata:
        raise FileFormatError(
            f"{where}: a safetensors file without a scratch network in it; name one that net.save"
            " has written"
        )
    document = _object(parse_json(metadata[KEY], where), f"{where}: its description")
    stated = document.get("format")
    if stated != FORMAT:
        raise FileFormatError(
            f"{where}: the checkpoint has format {printable(stated, 40)}, this version reads "
            f"{FORMAT}; save it again or update pyexport"
        )
    statements = parse_statements(document, where, ("format", "producer", "graph", "training"))
    left = dict(tensors)
    checkpoint = Checkpoint(
        graph=_graph(document.get("graph"), left, where),
        statements=statements,
        calibration=_rows("calibration", left, where),
        evaluation=_rows("evaluation", left, where),
        producer=_text(document.get("producer", "pyexport scratch"), f"{where}: producer"),
        training=_training(document.get("training"), f"{where}: training"),
    )
    if left:
        name = printable(next(iter(left)))
        raise FileFormatError(f"{where}: tensor {name} belongs to no layer; {AGAIN}")
    check_checkpoint(checkpoint, where)
    return checkpoint


def load(path: str | Path, engine: str | None = None) -> Sequential:
    """Return a saved network, in eval mode, and ready to train on where it stopped.

    engine: value, lists or packed; by default the one that it was saved with, or lists where the
    file does not say. In the same engine, with an optimizer in the same state (a schedule goes
    by `optimizer.steps`), training goes on with the same bits, as long as no weight of a packed
    network reaches its clip. What `save` was told is in `network.statements`, input_scale too, and
    goes into the next save.
    """
    checkpoint = read_checkpoint(path)
    try:
        return build_network(checkpoint, engine)
    except UsageError as error:
        raise UsageError(f"{printable(path, 300)}: {error}") from None


def build_network(checkpoint: Checkpoint, engine: str | None = None) -> Sequential:
    """Return the network; the packed engine rounds its weights to fixed point.

    engine: by default the stated one; lists where none is.
    """
    foreign = next((r.kind for r in checkpoint.graph if r.kind not in KINDS), None)
    if foreign is not None:
        raise UsageError(
            f"the file holds a layer of kind {foreign}, which no engine trains; export it, or "
            "train a network of its own"
        )
    layers = [_build(record) for record in checkpoint.graph]
    training = checkpoint.training
    if training is None:
        network = Sequential(*layers, seed=None, engine=engine or "lists")
    else:
        network = Sequential(
            *layers,
            seed=None,
            engine=engine or training.engine,
            input_bits=training.input_bits,
            clip=training.clip,
        )
    for layer, record in zip(layers, checkpoint.graph, strict=True):
        if isinstance(layer, Linear):
            layer.load(record.weight, record.bias)
        elif isinstance(layer, Dropout) and training is not None and training.dropout is not None:
            layer.rng.setstate((3, training.dropout, None))  # 3: the form of the state
    network.statements = _statements(checkpoint)
    return network


def _statements(checkpoint: Checkpoint) -> dict[str, object]:
    """Return what a save of the network would have to be told; nothing that was left out."""
    evaluation, calibration = checkpoint.evaluation, checkpoint.calibration
    statements = as_arguments(checkpoint.statements)
    if calibration is not None:
        statements["calibration"] = calibration.inputs
    if evaluation is not None and evaluation.targets is not None:
        statements["evaluation"] = (evaluation.inputs, evaluation.targets)
    return statements


def _build(record: LayerRecord) -> Layer:
    return make_layer(record.kind, record.numbers, record.choices)


def _graph(value: object, tensors: dict[str, RawTensor], where: str) -> tuple[LayerRecord, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LAYERS:
        raise FileFormatError(
            f"{where}: its graph is not a list of 1 to {MAX_LAYERS} layers; {AGAIN}"
        )
    return tuple(_layer(index, entry, tensors, where) for index, entry in enumerate(value))


def _layer(index: int, value: object, tensors: dict[str, RawTensor], where: str) -> LayerRecord:
    what = f"{where}: layer {index}"
    entry = _object(value, what)
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in NUMBERS:
        known = ", ".join(NUMBERS)
        raise FileFormatError(
            f"{what} is {printable(kind, 40)}, which is none of {known}; {AGAIN} or update pyexport"
        )
    names, choices = NUMBERS[kind], CHOICES.get(kind, {})
    if set(entry) != {"kind", *names, *choices}:
        raise FileFormatError(f"{what} ({kind}) does not state what it must; {AGAIN}")
    numbers = {name: _number(entry[name], f"{what}: {name}") for name in names}
    sizes = {"linear": ("outputs", "inputs"), "affine": ("columns",)}.get(kind)
    if sizes is None:
        chosen = {n: _choice(entry[n], of, f"{what}: {n}") for n, of in choices.items()}
        return LayerRecord(kind, numbers, choices=chosen)
    shape = []
    for name in sizes:
        if type(entry[name]) is not int or not 1 <= numbers[name] <= MAX_SIZE:
            raise FileFormatError(f"{what}: {name} is no size; {AGAIN}")
        shape.append(int(numbers[name]))
    if kind == "affine":
        scale, shift = (
            _tensor(f"{index}.{name}", "F64", tuple(shape), tensors, where)
            for name in ("scale", "shift")
        )
        return LayerRecord(kind, {"columns": shape[0]}, [scale], shift)
    weight = _tensor(f"{index}.weight", "F64", tuple(shape), tensors, where)
    bias = _tensor(f"{index}.bias", "F64", tuple(shape[:1]), tensors, where)
    columns = shape[1]
    rows = [weight[start : start + columns] for start in range(0, len(weight), columns)]
    return LayerRecord(kind, {n: int(v) for n, v in numbers.items()}, rows, bias)


def _tensor(
    name: str, dtype: str, shape: tuple[int, ...], tensors: dict[str, RawTensor], where: str
) -> list[float]:
    tensor = tensors.pop(name, None)
    if tensor is None or tensor.dtype != dtype or tensor.shape != shape:
        raise FileFormatError(f"{where}: tensor {name} is not {dtype} of shape {shape}; {AGAIN}")
    return _values(tensor).tolist()


def _rows(name: str, tensors: dict[str, RawTensor], where: str) -> Rows | None:
    tensor = tensors.pop(f"{name}.inputs", None)
    marks = tensors.pop(f"{name}.targets", None)
    if tensor is None:
        if marks is not None:
            raise FileFormatError(f"{where}: {name} data have targets and no inputs; {AGAIN}")
        return None
    if tensor.dtype not in ("U8", "F64") or len(tensor.shape) != 2 or 0 in tensor.shape:
        raise FileFormatError(f"{where}: {name} data are not rows of U8 or F64; {AGAIN}")
    values, columns = _values(tensor), tensor.shape[1]
    flat = values.tobytes() if tensor.dtype == "U8" else values.tolist()
    inputs = [flat[start : start + columns] for start in range(0, len(flat), columns)]
    if marks is None:
        return Rows(inputs)
    return Rows(inputs, _targets(marks, f"{where}: {name} targets"))


def _targets(marks: RawTensor, what: str) -> list[Target]:
    """Return class numbers, or of a regression a row of real values a sample."""
    if marks.dtype == "I64" and len(marks.shape) == 1:
        return [int(mark) for mark in _values(marks)]
    if marks.dtype != "F64" or len(marks.shape) != 2 or 0 in marks.shape:
        raise FileFormatError(f"{what} are not a list of I64 or rows of F64; {AGAIN}")
    flat, columns = _values(marks).tolist(), marks.shape[1]
    return [flat[start : start + columns] for start in range(0, len(flat), columns)]


def _values(tensor: RawTensor) -> array[float]:
    values: array[float] = array(_CODES[tensor.dtype], bytes(tensor.data))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _training(value: object, what: str) -> Training | None:
    if value is None:
        return None
    entry = _object(value, what)
    bits, state = entry.get("input_bits"), entry.get("dropout")
    if type(bits) is not int or abs(bits) > MAX_SIZE:
        raise FileFormatError(f"{what}: input_bits is no whole number; {AGAIN}")
    words: tuple[int, ...] | None = None
    if state is not None:
        try:
            data = bytes.fromhex(state) if isinstance(state, str) else b""
        except ValueError:
            data = b""
        if len(data) != 4 * STATE_WORDS:
            raise FileFormatError(f"{what}: dropout is no state of a random generator; {AGAIN}")
        words = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4))
    return Training(
        engine=_text(entry.get("engine"), f"{what}: engine"),
        input_bits=bits,
        clip=_number(entry.get("clip"), f"{what}: clip"),
        dropout=words,
    )


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise FileFormatError(f"{what} is not an object; {AGAIN}")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        raise FileFormatError(f"{what} is not a number; {AGAIN}")
    return float(value)


def _choice(value: object, choices: Sequence[str | bool], what: str) -> str | bool:
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
    names = ", ".join(json.dumps(choice) for choice in choices)
    raise FileFormatError(f"{what} is none of {names}; {AGAIN}")


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise FileFormatError(f"{what} is not a text of 1 to {MAX_TEXT} characters; {AGAIN}")
    return value
