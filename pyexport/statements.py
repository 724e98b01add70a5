"""What people state about a model beside its network: one schema for every file that can say it.

KEYS is the schema (docs/metadata.md). The same keys stand in extra/pyexport.json, which
pyexport.save writes, in a scratch checkpoint and in model.toml; `save` takes each as a keyword
argument, called after the field of Statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from pyexport.errors import FileFormatError, InvalidModelError, UsageError
from pyexport.statement_values import (
    Normalization,
    Read,
    WrongError,
    choice_of,
    read_normalize,
    read_number,
    read_positive,
    read_range,
    read_shape,
    read_texts,
    text_of,
)
from pyexport.untrusted import MAX_NOTE, MAX_TEXT, printable

FORMAT = "pyexport/1"
SAMPLES = ("calibration", "evaluation")  # rows: each kind of file has its own form for them

DTYPES = {"u8": (0, 255), "s8": (-128, 127), "u16": (0, 65535), "s16": (-32768, 32767)}
LAYOUTS = ("flat", "NHWC", "NCHW")
TASKS = ("classification", "regression", "anomaly")


@dataclass(frozen=True)
class Statements:
    """What was stated; None where nothing was. Nothing of it is part of a model's identity."""

    input_name: str | None = None
    input_shape: tuple[int, ...] | None = None  # without the batch dimension
    input_dtype: str | None = None  # what the sensor gives: a key of DTYPES
    input_range: tuple[float, float] | None = None  # of the raw value, low < high
    input_unit: str | None = None
    input_layout: str | None = None  # one of LAYOUTS
    input_scale: float | None = None  # the network was trained on the raw value times this
    input_normalize: Normalization | None = None
    input_columns: tuple[str, ...] | None = None  # a text an input: "temperature (degC)"
    output_name: str | None = None
    output_unit: str | None = None
    output_threshold: float | None = None  # "yes" is: the last of one or two outputs >= this
    output_task: str | None = None  # one of TASKS
    labels: tuple[str, ...] | None = None  # a name for each output
    states: tuple[str, ...] | None = None  # inputs that the model gives back, as its last outputs
    author: str | None = None
    license: str | None = None
    created_by: str | None = None  # the program or project that trained the model
    source: str | None = None  # where the model or its data come from, as a text or URL
    notes: str | None = None

    @property
    def is_regression(self) -> bool:
        """Tell whether targets are real values rather than class numbers."""
        return self.output_task == "regression"


NOTHING = Statements()


class Arguments(TypedDict, total=False):
    """The keyword arguments of `save`: the fields of Statements, and rows of real inputs."""

    input_name: str | None
    input_shape: Sequence[int] | None
    input_dtype: str | None
    input_range: tuple[float, float] | None
    input_unit: str | None
    input_layout: str | None
    input_scale: float | None
    input_normalize: Mapping[str, Any] | None
    input_columns: Sequence[str] | None
    output_name: str | None
    output_unit: str | None
    output_threshold: float | None
    output_task: str | None
    labels: Sequence[object] | None
    states: Sequence[str] | None
    author: str | None
    license: str | None
    created_by: str | None
    source: str | None
    notes: str | None
    calibration: Any
    evaluation: Any


@dataclass(frozen=True)
class Key:
    """One key of the schema: its name in a file, its field, and what reads its value."""

    name: str  # "input.range", or of the top level "labels"
    field: str
    read: Read


_READERS: dict[str, Read] = {
    "input.name": text_of(MAX_TEXT),
    "input.shape": read_shape,
    "input.dtype": choice_of(tuple(DTYPES)),
    "input.range": read_range,
    "input.unit": text_of(MAX_TEXT),
    "input.layout": choice_of(LAYOUTS),
    "input.scale": read_positive,
    "input.normalize": read_normalize,
    "input.columns": read_texts,
    "output.name": text_of(MAX_TEXT),
    "output.unit": text_of(MAX_TEXT),
    "output.threshold": read_number,
    "output.task": choice_of(TASKS),
    "labels": read_texts,
    "states": read_texts,
    "provenance.author": text_of(MAX_NOTE),
    "provenance.license": text_of(MAX_NOTE),
    "provenance.created_by": text_of(MAX_NOTE),
    "provenance.source": text_of(MAX_NOTE),
    "provenance.notes": text_of(MAX_NOTE),
}
KEYS = tuple(
    Key(name, name.removeprefix("provenance.").replace(".", "_"), read)
    for name, read in _READERS.items()
)
SECTIONS = ("input", "output", "provenance")


def parse_statements(document: object, where: str, beside: Sequence[str] = ()) -> Statements:
    """Return what a parsed JSON or TOML document states; raises FileFormatError.

    beside: keys of the top level that the file's own reader takes. Any other is refused by name.
    A value of null is no statement.
    """
    top = _mapping(document, where)
    known = tuple(dict.fromkeys((*beside, *(key.name.partition(".")[0] for key in KEYS))))
    _refuse_unknown(top, known, where)
    values = {name: value for name, value in top.items() if name not in SECTIONS}
    for section in SECTIONS:
        place = f"{where}: {section}"
        entry = _mapping({} if top.get(section) is None else top[section], place)
        names = tuple(k.name.partition(".")[2] for k in KEYS if k.name.startswith(f"{section}."))
        _refuse_unknown(entry, names, place)
        values |= {f"{section}.{name}": value for name, value in entry.items()}
    stated = {}
    for key in KEYS:
        value = values.get(key.name)
        if value is None:
            continue
        try:
            stated[key.field] = key.read(value)
        except WrongError as error:
            raise FileFormatError(
                f"{where}: {key.name} must be {error}, not {printable(value, 40)}; correct it, or "
                "leave it out"
            ) from None
    return Statements(**stated)


def state(where: str, arguments: Mapping[str, object]) -> Statements:
    """Return the keyword arguments of a `save` as statements; None stands for nothing said.

    Arrays and tensors are taken as lists, labels as their texts. Raises UsageError for an unknown
    argument and InvalidModelError for a wrong value.
    """
    known = (*(key.field for key in KEYS), *SAMPLES)
    for name in arguments:
        if name not in known:
            raise UsageError(
                f"{where}: there is no argument {printable(name, 40)}; use {', '.join(known)}"
            )
    stated = {}
    for key in KEYS:
        value = arguments.get(key.field)
        if value is None:
            continue
        plain = _names(value) if key.name == "labels" else _plain(value)
        try:
            stated[key.field] = key.read(plain)
        except WrongError as error:
            raise InvalidModelError(
                f"{where}: {key.field} must be {error}, not {printable(value, 40)}"
            ) from None
    return Statements(**stated)


def statements_document(statements: Statements) -> dict[str, Any]:
    """Return the statements as plain values, as a JSON document holds them."""
    document: dict[str, Any] = {}
    for key in KEYS:
        value = getattr(statements, key.field)
        if value is None:
            continue
        section, _, name = key.name.rpartition(".")
        (document.setdefault(section, {}) if section else document)[name] = _jsonable(value)
    return document


def stated(statements: Statements) -> Iterator[tuple[str, Any]]:
    """Yield the fields that say something, with their values."""
    for field in fields(statements):
        value = getattr(statements, field.name)
        if value is not None:
            yield field.name, value


def as_arguments(statements: Statements) -> dict[str, Any]:
    """Return the statements as keyword arguments of a `save`."""
    return {
        name: {"mean": list(value.mean), "std": list(value.std)}
        if isinstance(value, Normalization)
        else value
        for name, value in stated(statements)
    }


def _jsonable(value: object) -> object:
    if isinstance(value, Normalization):
        return {"mean": list(value.mean), "std": list(value.std)}
    return list(value) if isinstance(value, tuple) else value


def _plain(value: object) -> object:
    """Return arrays, tensors, tuples, ranges and mappings as lists and dicts of Python values."""
    to_list = getattr(value, "tolist", None)
    if to_list is not None:
        return to_list()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def _names(value: object) -> object:
    """Return the texts of labels, whatever they are; a thing that is no list unchanged."""
    return [str(label) for label in value] if isinstance(value, Iterable) else value


def _mapping(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise FileFormatError(f"{where} is not an object; correct it, or leave it out")
    return value


def _refuse_unknown(mapping: Mapping[str, object], known: Sequence[str], where: str) -> None:
    for key in mapping:
        if key not in known:
            raise FileFormatError(
                f"{where}: the key {printable(key, 40)} is unknown; use {', '.join(known)}"
            )
