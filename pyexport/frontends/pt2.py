"""Reads a torch.export archive (.pt2: zip + JSON + raw buffers) without PyTorch, running nothing.

The archive's one pickle, data/sample_inputs, is in every such file and is never opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pyexport.errors import FileFormatError, InvalidModelError, PyexportError, UnsupportedModelError
from pyexport.frontends.archive import Archive
from pyexport.frontends.json_view import JsonView
from pyexport.frontends.pt2_tensors import StoredTensors, archived_json
from pyexport.ir import Array
from pyexport.untrusted import MAX_RANK, parse_json, printable

SCHEMA_MAJOR = 8
_NON_FINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}  # JSON has none


@dataclass(frozen=True)
class TensorInfo:
    """What the file says about a value; a symbolic size is its expression as a text."""

    dtype: int  # a key of DTYPE_NAMES
    sizes: tuple[int | str, ...]  # with the batch dimension


@dataclass(frozen=True)
class TensorRef:
    """An argument that is another value of the graph."""

    name: str


@dataclass(frozen=True)
class Opaque:
    """An argument of a kind that no supported operator reads (device, layout, symbol)."""

    kind: str


@dataclass(frozen=True)
class Call:
    """One operator of the graph, its arguments by name."""

    target: str  # "aten.linear.default"
    arguments: Mapping[str, object]  # TensorRef, list, None, int, float, bool, str or Opaque
    outputs: tuple[str, ...]
    module: str  # module path in the user's model, "net.0"; "" is the model itself
    module_class: str  # "Linear"

    @property
    def in_place(self) -> bool:
        """Whether the operator changes its operand, as aten.relu_.default does."""
        return self.target.rpartition(".")[0].endswith("_")


@dataclass(frozen=True, eq=False)
class Parameter:
    """A stored tensor under its name in the user's model."""

    name: str  # "fc1.weight"
    array: Array


@dataclass(frozen=True, eq=False)
class ExportedProgram:
    """The neutral content of an archive: what the lowering to the IR reads."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output_names: tuple[str, ...]  # keys of a dict that forward() returns; () if it returns none
    calls: tuple[Call, ...]
    parameters: Mapping[str, Parameter]  # by their names in the graph
    values: Mapping[str, TensorInfo]
    producer: str  # "torch 2.13.0"
    extra: bytes | None  # the content of extra/pyexport.json


def read_pt2(data: bytes, where: str, faults: list[PyexportError] | None = None) -> ExportedProgram:
    """Return what the archive holds; raises FileFormatError or UnsupportedModelError.

    With a list of `faults`, a tensor that cannot be read is left out and its error put there.
    """
    archive = Archive(data, where)
    root = _root(archive)
    models = [n for n in archive.names if n.startswith(f"{root}models/") and n.endswith(".json")]
    if len(models) != 1:
        raise UnsupportedModelError(f"{where}: holds {len(models)} models; save one model a file")
    order = f"{root}byteorder"
    if order in archive.names and archive.read(order).strip() != b"little":
        raise FileFormatError(f"{where}: written on a big-endian machine; save it on another one")
    document = archived_json(archive, models[0])
    major = document["schema_version"]["major"].integer()
    if major != SCHEMA_MAJOR:
        raise FileFormatError(
            f"{where}: torch.export schema {major} is not {SCHEMA_MAJOR}, the one this version "
            "reads; save it with PyTorch 2.9 to 2.15"
        )
    name = models[0].rpartition("/")[2].removesuffix(".json")
    stored = StoredTensors(archive, root, name)
    module = document["graph_module"]
    graph, signature = module["graph"], module["signature"]
    inputs, parameters = _input_specs(signature, stored, faults)
    extra = f"{root}extra/pyexport.json"
    return ExportedProgram(
        inputs=inputs,
        outputs=_output_specs(signature),
        output_names=_output_names_of(module),
        calls=tuple(_call(node) for node in graph["nodes"]),
        parameters=parameters,
        values={key: _tensor_info(view) for key, view in graph["tensor_values"].items()},
        producer=f"torch {_version(document)}",
        extra=archive.read(extra) if extra in archive.names else None,
    )


def _version(document: JsonView) -> str:
    version = document.get("torch_version")
    return printable(version.text(), 40) if version else "(unknown version)"


def _root(archive: Archive) -> str:
    """Return the prefix of all members ("model/")."""
    marks = [n for n in archive.names if n.rpartition("/")[2] == "archive_format"]
    root = marks[0].removesuffix("archive_format") if len(marks) == 1 else ""
    if len(marks) != 1 or archive.read(marks[0]).strip() != b"pt2":
        raise FileFormatError(f"{archive.where}: not a torch.export archive; save it again")
    return root


def _input_specs(
    signature: JsonView, stored: StoredTensors, faults: list[PyexportError] | None
) -> tuple[tuple[str, ...], dict[str, Parameter]]:
    inputs: list[str] = []
    parameters: dict[str, Parameter] = {}
    for item in signature["input_specs"]:
        kind, spec = item.only()
        if kind == "user_input":
            tag, value = spec["arg"].only()
            inputs.append(value["name"].text() if tag == "as_tensor" else tag)
        elif kind in {"parameter", "buffer", "tensor_constant"}:
            stated = spec[f"{kind}_name"].text()
            try:
                parameters[spec["arg"]["name"].text()] = Parameter(stated, stored.read(stated))
            except PyexportError as error:
                if faults is None:
                    raise
                faults.append(error)
        else:
            raise UnsupportedModelError(
                f"{item.path}: the model holds a {printable(kind)}, which has no firmware form; "
                "keep parameters and buffers only"
            )
    return tuple(inputs), parameters


def _output_specs(signature: JsonView) -> tuple[str, ...]:
    outputs = []
    for item in signature["output_specs"]:
        kind, spec = item.only()
        if kind == "user_output":
            tag, value = spec["arg"].only()
            outputs.append(value["name"].text() if tag == "as_tensor" else tag)
        elif kind == "buffer_mutation":
            name = printable(spec["buffer_name"].text())
            raise InvalidModelError(
                f"{item.path}: the model changes its buffer {name} while it runs; "
                "call model.eval() before saving"
            )
    return tuple(outputs)


def _output_names_of(module: JsonView) -> tuple[str, ...]:
    """Return the keys of the dict that forward() returns; () for anything else."""
    calls = module.get("module_call_graph")
    root = next(iter(calls), None) if calls is not None else None
    signature = None if root is None else root.get("signature")
    spec = None if signature is None else signature.get("out_spec")
    if spec is None:
        return ()
    try:
        _, tree = JsonView(parse_json(spec.text().encode(), spec.path), spec.path)
        if tree["type"].text() != "builtins.dict":
            return ()
        keys = JsonView(parse_json(tree["context"].text().encode(), spec.path), spec.path)
        if any(child.get("type") for child in tree["children_spec"]):
            return ()  # what lies deeper has no name
        return tuple(key.text() for key in keys)
    except (PyexportError, ValueError):
        return ()  # the outputs have no names then


def _tensor_info(view: JsonView) -> TensorInfo:
    sizes: list[int | str] = []
    for size in view["sizes"]:
        kind, value = size.only()
        sizes.append(value.size() if kind == "as_int" else value["expr_str"].text())
        if len(sizes) > MAX_RANK:  # the product of many sizes is a number of a million digits
            raise view.refuse(f"a shape of at most {MAX_RANK} sizes")
    return TensorInfo(view["dtype"].integer(), tuple(sizes))


def _call(node: JsonView) -> Call:
    module, module_class = _module(node)
    return Call(
        target=node["target"].text().removeprefix("torch.ops."),
        arguments={a["name"].text(): _argument(a["arg"]) for a in node["inputs"]},
        outputs=tuple(_output_names(node["outputs"])),
        module=module,
        module_class=module_class,
    )


def _module(node: JsonView) -> tuple[str, str]:
    """Return the path and class of the innermost module; the stack trace beside it is not read."""
    metadata = node.get("metadata")
    stack = metadata.get("nn_module_stack") if metadata else None
    if stack is None:
        return "", ""
    parts = stack.text().split(";")[-1].split(",")
    if len(parts) < 3:
        return "", ""
    return parts[1], parts[2].rpartition(".")[2]


def _output_names(outputs: JsonView) -> list[str]:
    names = []
    for output in outputs:
        kind, value = output.only()
        if kind == "as_tensor":
            names.append(value["name"].text())
        elif kind == "as_tensors":
            names.extend(item["name"].text() for item in value)
    return names


def _argument(view: JsonView) -> object:
    kind, value = view.only()
    match kind:
        case "as_tensor":
            return TensorRef(value["name"].text())
        case "as_none":
            return None
        case "as_int":
            return value.integer()
        case "as_float":
            return _NON_FINITE.get(str(value.value)) or value.number()
        case "as_bool":
            return value.flag()
        case "as_ints":
            return [item.integer() for item in value]
        case "as_floats":
            return [item.number() for item in value]
        case "as_bools":
            return [item.flag() for item in value]
        case "as_string":
            return value.text()
        case "as_tensors":
            return [TensorRef(item["name"].text()) for item in value]
        case "as_optional_tensors":
            return [_argument(item) for item in value]
        case "as_sym_int":
            number = value.get("as_int")
            return Opaque(kind) if number is None else number.integer()
        case "as_scalar_type":
            return value.integer()
        case _:
            return Opaque(kind)
