"""Reads a checkpoint that anybody may have written: every fault is one line, nothing is run."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from pathlib import Path

from pyexport.errors import FileFormatError
from pyexport.scratch.checkpoint import (
    FORMAT,
    KEY,
    LAYERS,
    Checkpoint,
    LayerRecord,
    Rows,
    check_checkpoint,
)
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
from pyexport.scratch.nn import Sequential
from pyexport.tensorfile import RawTensor, read_tensorfile
from pyexport.untrusted import parse_json, printable

MAX_BYTES = 256 << 20
MAX_LAYERS = 200
MAX_TEXT = 100  # characters of a label, a unit, a producer
AGAIN = "the file is damaged, save it again"
_CODES = {"F64": "d", "I64": "q", "U8": "B"}


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Return the checkpoint in a file; raises PyexportError in one line."""
    path = Path(path)
    where = printable(path, 300)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FileFormatError(f"{where}: {size >> 20} MiB, over the limit of {MAX_BYTES >> 20}")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = printable(getattr(error, "strerror", None) or error)
        raise FileFormatError(f"{where}: cannot be read ({reason})") from None
    return parse_checkpoint(data, where)


def parse_checkpoint(data: bytes, where: str) -> Checkpoint:
    """Return the checkpoint in these bytes; `where` names the file in errors."""
    metadata, tensors = read_tensorfile(data, where)
    if KEY not in metadata:
        raise FileFormatError(f"{where}: a safetensors file without a scratch network in it")
    document = _object(parse_json(metadata[KEY], where), f"{where}: its description")
    stated = document.get("format")
    if stated != FORMAT:
        raise FileFormatError(
            f"{where}: the checkpoint has format {printable(stated, 40)}, this version reads "
            f"{FORMAT}; save it again or update pyexport"
        )
    entry = _object(document.get("input", {}), f"{where}: input")
    left = dict(tensors)
    checkpoint = Checkpoint(
        graph=_graph(document.get("graph"), left, where),
        input_scale=_number(entry.get("scale", 1.0), f"{where}: input scale"),
        input_range=_range(entry.get("range"), f"{where}: input range"),
        input_unit=_optional_text(entry.get("unit"), f"{where}: input unit"),
        labels=_labels(document.get("labels"), f"{where}: labels"),
        calibration=_rows("calibration", left, where),
        evaluation=_rows("evaluation", left, where),
        producer=_text(document.get("producer", "pyexport scratch"), f"{where}: producer"),
    )
    if left:
        name = printable(next(iter(left)))
        raise FileFormatError(f"{where}: tensor {name} belongs to no layer; {AGAIN}")
    check_checkpoint(checkpoint, where)
    return checkpoint


def build_network(checkpoint: Checkpoint, engine: str = "lists") -> Sequential:
    """Return the network; the packed engine rounds its weights to fixed point."""
    layers = [_build(record) for record in checkpoint.graph]
    network = Sequential(*layers, engine=engine)
    for layer, record in zip(layers, checkpoint.graph, strict=True):
        if isinstance(layer, Linear):
            layer.load(record.weight, record.bias)
    return network


def _build(record: LayerRecord) -> Layer:
    match record.kind:
        case "linear":
            return Linear(int(record.numbers["inputs"]), int(record.numbers["outputs"]))
        case "leaky_relu":
            return LeakyReLU(record.numbers["slope"])
        case "dropout":
            return Dropout(record.numbers["rate"])
    plain: dict[str, Layer] = {
        "relu": ReLU(),
        "sigmoid": Sigmoid(),
        "tanh": Tanh(),
        "softmax": Softmax(),
    }
    return plain[record.kind]


def _graph(value: object, tensors: dict[str, RawTensor], where: str) -> tuple[LayerRecord, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LAYERS:
        raise FileFormatError(f"{where}: its graph is not a list of 1 to {MAX_LAYERS} layers")
    return tuple(_layer(index, entry, tensors, where) for index, entry in enumerate(value))


def _layer(index: int, value: object, tensors: dict[str, RawTensor], where: str) -> LayerRecord:
    what = f"{where}: layer {index}"
    entry = _object(value, what)
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in LAYERS:
        known = ", ".join(LAYERS)
        raise FileFormatError(f"{what} is {printable(kind, 40)}, which is none of {known}")
    if set(entry) != {"kind", *LAYERS[kind]}:
        raise FileFormatError(f"{what} ({kind}) does not state what it must; {AGAIN}")
    numbers = {name: _number(entry[name], f"{what}: {name}") for name in LAYERS[kind]}
    if kind != "linear":
        return LayerRecord(kind, numbers)
    shape = []
    for name in ("outputs", "inputs"):
        if type(entry[name]) is not int or not 1 <= numbers[name] <= 1 << 24:
            raise FileFormatError(f"{what}: {name} is no size; {AGAIN}")
        shape.append(int(numbers[name]))
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
    if marks.dtype != "I64" or len(marks.shape) != 1:
        raise FileFormatError(f"{where}: {name} targets are not a list of I64; {AGAIN}")
    return Rows(inputs, [int(mark) for mark in _values(marks)])


def _values(tensor: RawTensor) -> array[float]:
    values: array[float] = array(_CODES[tensor.dtype], bytes(tensor.data))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise FileFormatError(f"{what} is not an object; {AGAIN}")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        raise FileFormatError(f"{what} is not a number; {AGAIN}")
    return float(value)


def _range(value: object, what: str) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise FileFormatError(f"{what} is not two numbers; {AGAIN}")
    return _number(value[0], what), _number(value[1], what)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise FileFormatError(f"{what} is not a text of 1 to {MAX_TEXT} characters; {AGAIN}")
    return value


def _optional_text(value: object, what: str) -> str | None:
    return None if value is None else _text(value, what)


def _labels(value: object, what: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise FileFormatError(f"{what} are not a list; {AGAIN}")
    return tuple(_text(label, what) for label in value)
