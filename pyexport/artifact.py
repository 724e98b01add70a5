"""The .px file: an exported model with everything that is needed to check it, and nothing to run.

Layout: safetensors (docs/formats.md), with one JSON text under the metadata key "pyexport".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pyexport.choices import DEFAULT_CHOICES, Choices, choices_document, read_choices
from pyexport.decision import check_threshold, least_yes
from pyexport.errors import FileFormatError
from pyexport.graph_check import check_graph, check_weight_bits
from pyexport.graph_document import graph_document, parameters, read_graph
from pyexport.ir import Array, Calibration, Dataset, Graph, Tensor
from pyexport.layout import inputs_shape, inputs_to_device
from pyexport.rows import (
    illegal_value,
    input_tensors,
    join_rows,
    output_tensors,
    row_dtype,
    row_size,
    split_rows,
)
from pyexport.scores import Accuracy, Errors
from pyexport.statement_check import stored_statements
from pyexport.statements import NOTHING, Statements, statements_document
from pyexport.streams import Stream, check_stream, count_sequences
from pyexport.tensorfile import RawTensor, read_tensorfile, write_tensorfile
from pyexport.untrusted import MAX_FILE_BYTES, parse_json, printable, read_regular

FORMAT = "pyexport-px/1"
PROFILES = {"int8": "PX1-q15x", "float32": "PX1-f32"}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")  # what codegen takes; it refuses keywords too
_DTYPES = {
    "I8": np.int8,
    "U8": np.uint8,
    "I16": np.int16,
    "U16": np.uint16,
    "I32": np.int32,
    "I64": np.int64,
    "F32": np.float32,
    "F64": np.float64,
}
_ROWS = {"vectors.inputs", "vectors.outputs", "samples.inputs", "samples.targets"}
_DTYPE_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True, eq=False)
class Vectors:
    """Stored inputs and the outputs that every implementation must give, bytes (or float32)."""

    inputs: Array  # (n, row size), as rows.py has them
    outputs: Array  # (n, row size)


@dataclass(frozen=True, eq=False)
class Samples:
    """Evaluation rows as the device sees them, and their classes where known."""

    inputs: Array  # (n, row size)
    # (n,), int64; of a regression (n, output size), float64; of a stream one a sequence, at its end
    targets: Array | None


@dataclass(frozen=True, eq=False)
class Artifact:
    """An exported model: the graph that the device evaluates, and where it came from."""

    name: str
    scheme: str  # a key of PROFILES
    graph: Graph
    source_name: str
    source_sha256: str
    producer: str
    calibration: Calibration
    vectors: Vectors
    samples: Samples | None = None
    accuracy: Accuracy | None = None
    errors: Errors | None = None
    statements: Statements = NOTHING  # without the input range, which the graph has
    target: str | None = None  # what the header was specialized for; it changes no byte
    choices: Choices = DEFAULT_CHOICES  # nor do these
    options: tuple[str, ...] = ()  # words of the command line that makes the export again
    stream: Stream | None = None  # of a model with states

    @property
    def steps(self) -> int | None:
        """Steps of a sequence of a model with states; None where rows have nothing to do."""
        return None if self.stream is None else self.stream.steps

    @property
    def labels(self) -> tuple[str, ...] | None:
        """A name for each output."""
        return self.statements.labels

    @property
    def input_unit(self) -> str | None:
        """Unit of the raw inputs."""
        return self.statements.input_unit

    @property
    def least_yes(self) -> int | float | None:
        """The least value of the last output that says yes; None without a threshold."""
        threshold = self.statements.output_threshold
        return None if threshold is None else least_yes(threshold, self.graph.output)

    @property
    def more_statements(self) -> Statements:
        """What is stated beside labels and the input's unit, which have keys of their own."""
        return replace(self.statements, labels=None, input_unit=None)

    @property
    def profile(self) -> str:
        """The arithmetic that the graph is evaluated with."""
        return PROFILES[self.scheme]

    @property
    def identity(self) -> str:
        """SHA-256 (hex) over profile, graph and parameters; names of files and modules excluded."""
        digest = hashlib.sha256()
        document = {"profile": self.profile, "graph": graph_document(self.graph, source=False)}
        digest.update(_canonical(document).encode())
        for name, array in parameters(self.graph).items():
            digest.update(f"\n{name} {_DTYPE_NAMES[array.dtype]} {array.shape}\n".encode())
            digest.update(_little_endian(array))
        return digest.hexdigest()


def quantize_inputs(artifact: Artifact, dataset: Dataset) -> Array:
    """Return rows of real inputs, in the user's order, as the device takes them: (n, size)."""
    tensors = input_tensors(artifact.graph)
    rows = split_rows(inputs_to_device(dataset.inputs, artifact.graph), tensors)
    parts = [rows[t.name] if t.quant is None else t.quant.quantize(rows[t.name]) for t in tensors]
    return join_rows(parts).astype(row_dtype(tensors))


def write_artifact(artifact: Artifact) -> bytes:
    """Return the bytes of the .px file; equal artifacts give equal bytes."""
    accuracy = artifact.accuracy
    document = {
        "format": FORMAT,
        "name": artifact.name,
        "scheme": artifact.scheme,
        "profile": artifact.profile,
        "identity": artifact.identity,
        "source": {"name": artifact.source_name, "sha256": artifact.source_sha256},
        "producer": artifact.producer,
        "calibration": {"kind": artifact.calibration.kind, "rows": artifact.calibration.rows},
        "accuracy": None
        if accuracy is None
        else {
            "rows": accuracy.rows,
            "float_correct": accuracy.float_correct,
            "exported_correct": accuracy.exported_correct,
        },
        "labels": None if artifact.labels is None else list(artifact.labels),
        "input_unit": artifact.input_unit,
        "target": artifact.target,
        "options": list(artifact.options),
        "graph": graph_document(artifact.graph, source=True),
        **choices_document(artifact.choices),
    }
    if artifact.errors is not None:
        document["errors"] = asdict(artifact.errors)
    if artifact.stream is not None:
        document["stream"] = asdict(artifact.stream)
    if artifact.more_statements != NOTHING:
        document["statements"] = statements_document(artifact.more_statements)
    arrays = dict(parameters(artifact.graph))
    arrays["vectors.inputs"] = artifact.vectors.inputs
    arrays["vectors.outputs"] = artifact.vectors.outputs
    if artifact.samples is not None:
        arrays["samples.inputs"] = artifact.samples.inputs
        if artifact.samples.targets is not None:
            arrays["samples.targets"] = artifact.samples.targets
    tensors = {
        name: RawTensor(_DTYPE_NAMES[a.dtype], a.shape, _little_endian(a))
        for name, a in arrays.items()
    }
    return write_tensorfile({"pyexport": _canonical(document)}, tensors)


def read_artifact(path: Path) -> Artifact:
    """Return the artifact in a .px file; raises FileFormatError for anything else."""
    return parse_artifact(
        read_regular(path, MAX_FILE_BYTES, "the .px file of an export"), printable(path, 300)
    )


def parse_artifact(data: bytes, where: str) -> Artifact:
    """Return the artifact in the bytes of a .px file; `where` names the file in errors."""
    artifact, stated = parse_claimed(data, where)
    if artifact.identity != stated:
        raise FileFormatError(
            f"{where}: parameters do not match the identity it carries; export the model again"
        )
    return artifact


def parse_claimed(data: bytes, where: str) -> tuple[Artifact, object]:
    """Return a checked artifact and the identity that it claims, which may be another."""
    if data and data[8:9] != b"{":
        raise FileFormatError(
            f"{where}: not a pyexport artifact (.px); `pyexport export` makes one of a model file"
        )
    metadata, tensors = read_tensorfile(data, where)
    text = metadata.get("pyexport")
    document = parse_json(text, where) if text is not None else None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError(
            f"{where}: not a pyexport artifact ({FORMAT}); export the model again"
        )
    try:
        artifact = _from_document(document, {k: _array(t) for k, t in tensors.items()})
        check_graph(artifact.graph, artifact.scheme)
        check_weight_bits(artifact.graph, artifact.choices.weight_bits)
        stray = sorted(tensors.keys() - parameters(artifact.graph).keys() - _ROWS)
        if stray:
            raise ValueError(f"tensor {stray[0]} belongs to no node")
        _check_statements(artifact)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{where}: the artifact is damaged ({type(error).__name__}: {printable(error)}); "
            "export the model again"
        ) from None
    return artifact, document.get("identity")


def _from_document(document: dict[str, Any], arrays: dict[str, Array]) -> Artifact:
    samples = None
    if "samples.inputs" in arrays:
        samples = Samples(arrays["samples.inputs"], arrays.get("samples.targets"))
    accuracy = document["accuracy"]
    if document["profile"] != PROFILES[document["scheme"]]:
        raise ValueError(f"profile {document['profile']!r} is unknown")
    graph = read_graph(document["graph"], arrays)
    outputs = row_size(output_tensors(graph))
    return Artifact(
        name=document["name"],
        scheme=document["scheme"],
        graph=graph,
        source_name=document["source"]["name"],
        source_sha256=document["source"]["sha256"],
        producer=document["producer"],
        calibration=Calibration(**document["calibration"]),
        vectors=Vectors(arrays["vectors.inputs"], arrays["vectors.outputs"]),
        samples=samples,
        accuracy=None if accuracy is None else Accuracy(**accuracy),
        errors=Errors(**document["errors"]) if "errors" in document else None,
        statements=stored_statements(document, inputs_shape(graph), outputs),
        target=document["target"],
        choices=read_choices(document),
        options=tuple(document["options"]),
        stream=Stream(**document["stream"]) if "stream" in document else None,
    )


def _check_statements(artifact: Artifact) -> None:
    """Raise unless what the file says beside the graph has its type and fits the graph."""
    graph = artifact.graph
    texts = [artifact.source_name, artifact.source_sha256, artifact.producer, *artifact.options]
    texts += [] if artifact.target is None else [artifact.target]
    if not all(isinstance(text, str) for text in (artifact.calibration.kind, *texts)):
        raise TypeError("a name is not a text")
    if type(artifact.calibration.rows) is not int or artifact.calibration.rows < 0:
        raise TypeError("a number of rows is not a count")
    check_stream(artifact.stream, graph)
    if not _NAME.fullmatch(artifact.name):
        raise ValueError("the name is not a C identifier")
    if artifact.statements.output_threshold is not None:
        check_threshold(artifact.statements.output_threshold, graph.output)
    inputs, outputs = input_tensors(graph), output_tensors(graph)
    _check_rows(artifact.vectors.inputs, inputs, "vectors.inputs")
    _check_rows(artifact.vectors.outputs, outputs, "vectors.outputs")
    if len(artifact.vectors.inputs) != len(artifact.vectors.outputs):
        raise ValueError("vectors.inputs and vectors.outputs differ in number")
    if artifact.samples is not None:
        _check_rows(artifact.samples.inputs, inputs, "samples.inputs")
        targets = artifact.samples.targets
        rows = count_sequences(len(artifact.samples.inputs), artifact.stream)
        is_regression = artifact.statements.is_regression
        shape = (rows, row_size(outputs)) if is_regression else (rows,)
        if targets is not None and targets.shape != shape:
            raise ValueError("samples.targets has a wrong shape")


def _check_rows(rows: Array, tensors: Sequence[Tensor], what: str) -> None:
    if rows.dtype != row_dtype(tensors) or rows.shape[1:] != (row_size(tensors),):
        raise ValueError(f"{what} has a wrong type or shape")
    is_float = tensors[0].quant is None
    if is_float and what.endswith("inputs") and not np.isfinite(rows).all():
        raise ValueError(f"{what} holds a value that is not finite")
    problem = illegal_value(rows, tensors)
    if problem:
        raise ValueError(f"{what}: {problem}")


def _array(tensor: RawTensor) -> Array:
    dtype = np.dtype(_DTYPES[tensor.dtype])
    array = np.frombuffer(tensor.data, dtype=dtype.newbyteorder("<")).astype(dtype)
    return array.reshape(tensor.shape)


def _little_endian(array: Array) -> bytes:
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()


def _canonical(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
