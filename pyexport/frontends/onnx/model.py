"""The messages of an ONNX file that the exporter needs, as frozen dataclasses: names, no meaning.

Field numbers are those of onnx.proto. Documentation, training information, annotations and the
bodies of functions and subgraphs are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyexport.errors import FileFormatError
from pyexport.frontends.onnx.tensors import StoredTensor, parse_tensor
from pyexport.frontends.onnx.wire import Budget, Field, Message
from pyexport.untrusted import MAX_NODES, MAX_RANK, printable

METADATA_KEY = "pyexport"  # in metadata_props: the text of extra/pyexport.json
_SCOPES_KEY = "pkg.torch.onnx.name_scopes"
_MAX_SCOPES_BYTES = 10_000
MAX_PORTS = 1_000  # inputs of a model, or outputs


@dataclass(frozen=True)
class ValueInfo:
    """What the file says about a value; None where it says nothing."""

    dtype: int | None  # a key of tensors.DTYPE_NAMES
    sizes: tuple[int | str, ...] | None  # with the batch; a symbolic size is its name, maybe ""


@dataclass(frozen=True)
class Opaque:
    """An attribute of a kind that no supported operator has (subgraph, type, sparse tensor)."""

    kind: str


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """One operator of the graph."""

    operator: str  # "Gemm"; with its domain where that is not the standard one: "com.acme.Foo"
    name: str  # "/fc1/Gemm"
    module: str  # module path in the PyTorch model, "net.0"; "" where the file does not say
    inputs: tuple[str, ...]  # "" for an optional one that is left out
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]  # int, float, str, StoredTensor, a tuple of these, or Opaque


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """The neutral content of a file: what the lowering reads."""

    opset: int  # of the standard operators
    producer: str  # "pytorch 2.13.0"
    statements: bytes | None  # the value of METADATA_KEY
    nodes: tuple[OnnxNode, ...]
    initializers: Mapping[str, StoredTensor]
    inputs: tuple[str, ...]  # initializers among them left out
    outputs: tuple[str, ...]
    values: Mapping[str, ValueInfo]  # of inputs, outputs and what else the file describes
    functions: frozenset[str]  # operators that the file defines itself


_STANDARD_DOMAINS = ("", "ai.onnx")


def parse_model(data: bytes, where: str) -> OnnxModel:
    """Return what an ONNX file holds; raises FileFormatError."""
    graph: Message | None = None
    opset = 1  # what a file without a statement means
    producer = ["", ""]
    statements: bytes | None = None
    functions: set[str] = set()
    for field in Message(memoryview(data), where, Budget()).fields():
        match field.number:
            case 2 | 3:
                producer[field.number - 2] = printable(field.text(), 40)
            case 7:
                if graph is not None:
                    raise field.owner.damaged("two graphs")
                graph = field.message("graph")
            case 8:
                domain, version = _opset(field.message("opset_import"))
                opset = version if domain in _STANDARD_DOMAINS else opset
            case 14:
                key, value = _entry(field.message("metadata_props"))
                if key == METADATA_KEY:
                    statements = bytes(value)
            case 25:
                functions.add(_function(field.message("function")))
    if graph is None:
        raise FileFormatError(f"{where}: the file has no graph; save the model again")
    made_by = " ".join(part for part in producer if part) or "ONNX"
    return _graph(graph, opset, made_by, statements, frozenset(functions))


def _graph(
    message: Message,
    opset: int,
    producer: str,
    statements: bytes | None,
    functions: frozenset[str],
) -> OnnxModel:
    nodes: list[OnnxNode] = []
    initializers: dict[str, StoredTensor] = {}
    inputs: list[str] = []
    outputs: list[str] = []
    values: dict[str, ValueInfo] = {}
    for field in message.fields():
        match field.number:
            case 1:
                _limit(message, len(nodes), MAX_NODES, "nodes")
                nodes.append(_node(field.message(f"node {len(nodes)}")))
            case 5:
                _limit(message, len(initializers), MAX_NODES, "initializers")
                tensor = parse_tensor(field.message(f"initializer {len(initializers)}"))
                if tensor.name in initializers:
                    raise message.damaged(f"the initializer {printable(tensor.name)} twice")
                initializers[tensor.name] = tensor
            case 11 | 12 | 13:
                _limit(message, len(values), 4 * MAX_NODES, "described values")
                name, info = _value_info(field.message("value"))
                values[name] = info
                if field.number != 13:
                    listed = inputs if field.number == 11 else outputs
                    _limit(message, len(listed), MAX_PORTS, "inputs or outputs")
                    listed.append(name)
            case 15:
                raise FileFormatError(
                    f"{message.path}: a sparse initializer; save it as a dense tensor"
                )
    if len(set(inputs)) < len(inputs):
        raise message.damaged("an input twice")
    free = tuple(name for name in inputs if name not in initializers)
    return OnnxModel(
        opset, producer, statements, tuple(nodes), initializers, free, tuple(outputs), values,
        functions,
    )  # fmt: skip


def _limit(message: Message, count: int, limit: int, what: str) -> None:
    if count >= limit:
        raise FileFormatError(f"{message.path} has over {limit} {what}; export a smaller network")


def _node(message: Message) -> OnnxNode:
    inputs: list[str] = []
    outputs: list[str] = []
    name = operator = domain = module = ""
    attributes: dict[str, object] = {}
    for field in message.fields():
        match field.number:
            case 1:
                inputs.append(field.text())
            case 2:
                outputs.append(field.text())
            case 3:
                name = field.text()
            case 4:
                operator = field.text()
            case 5:
                key, value = _attribute(field.message("attribute"))
                if key in attributes:
                    raise message.damaged(f"the attribute {printable(key)} twice")
                attributes[key] = value
            case 7:
                domain = field.text()
            case 9:
                key, value = _entry(field.message("metadata_props"))
                module = _scope(value) if key == _SCOPES_KEY else module
    full = operator if domain in _STANDARD_DOMAINS else f"{domain}.{operator}"
    return OnnxNode(full, name, module, tuple(inputs), tuple(outputs), attributes)


def _scope(value: memoryview) -> str:
    """Return the module path in "['', 'net', 'net.0', 'linear']": the last but the operator's."""
    text = bytes(value[:_MAX_SCOPES_BYTES]).decode("utf-8", "backslashreplace")
    names = [part.strip(" []'\"") for part in text.split(",")]
    return names[-2] if len(names) > 1 else ""


_KINDS = {
    5: "a subgraph", 9: "tensors", 10: "subgraphs", 11: "a sparse tensor", 12: "sparse tensors",
    13: "a type", 14: "types",
}  # fmt: skip


def _attribute(message: Message) -> tuple[str, object]:
    name, kind = "", 0
    value: object = None
    floats: list[float] = []
    integers: list[int] = []
    texts: list[str] = []
    reference = False
    for field in message.fields():
        match field.number:
            case 1:
                name = field.text()
            case 2:
                value = field.float32()
            case 3:
                value = field.signed()
            case 4:
                value = _ascii(field)
            case 5:
                value = parse_tensor(field.message("t"))
            case 7:
                floats.extend(field.floats("<f4").tolist())
            case 8:
                integers.extend(field.integers().tolist())
            case 9:
                texts.append(_ascii(field))
            case 20:
                kind = field.signed()
            case 21:
                reference = True
    if kind in _KINDS or reference:
        return name, Opaque(_KINDS.get(kind, "a reference to a function's attribute"))
    listed = {6: tuple(floats), 7: tuple(integers), 8: tuple(texts)}
    return name, listed.get(kind, value)


def _ascii(field: Field) -> str:
    """Return an attribute's text, which may be any bytes; operators know ASCII words only."""
    return bytes(field.raw()[:100]).decode("ascii", "backslashreplace")


def _value_info(message: Message) -> tuple[str, ValueInfo]:
    name, info = "", ValueInfo(None, None)
    for field in message.fields():
        match field.number:
            case 1:
                name = field.text()
            case 2:
                info = _type(field.message("type"))
    return name, info


def _type(message: Message) -> ValueInfo:
    for field in message.fields():
        if field.number == 1:
            dtype, sizes = None, None
            for part in field.message("tensor_type").fields():
                if part.number == 1:
                    dtype = part.signed()
                elif part.number == 2:
                    sizes = _shape(part.message("shape"))
            return ValueInfo(dtype, sizes)
    return ValueInfo(None, None)


def _shape(message: Message) -> tuple[int | str, ...]:
    sizes: list[int | str] = []
    for field in message.fields():
        if field.number != 1:
            continue
        size: int | str = ""
        for part in field.message("dim").fields():
            if part.number == 1:
                size = part.signed()
            elif part.number == 2:
                size = part.text()
        sizes.append(size)
    if len(sizes) > MAX_RANK or any(isinstance(n, int) and n < 0 for n in sizes):
        raise message.damaged(f"an impossible shape {printable(sizes)}")
    return tuple(sizes)


def _opset(message: Message) -> tuple[str, int]:
    domain, version = "", 1
    for field in message.fields():
        if field.number == 1:
            domain = field.text()
        elif field.number == 2:
            version = field.signed()
    return domain, version


def _entry(message: Message) -> tuple[str, memoryview]:
    key, value = "", message.data[:0]
    for field in message.fields():
        if field.number == 1:
            key = field.text()
        elif field.number == 2:
            value = field.raw()
    return key, value


def _function(message: Message) -> str:
    name = domain = ""
    for field in message.fields():
        if field.number == 1:
            name = field.text()
        elif field.number == 10:
            domain = field.text()
    return f"{domain}.{name}" if domain else name
