"""Says what a model file holds and all that an export would refuse of it, without exporting it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyexport.errors import FileFormatError, PyexportError
from pyexport.frontends.archive import Archive
from pyexport.frontends.floats import DTYPE_NAMES, type_name
from pyexport.frontends.pickle_reader import read_pickle
from pyexport.frontends.pickle_scan import scan_pickle, scan_pickles
from pyexport.frontends.pickle_values import Inert
from pyexport.frontends.pt2 import ExportedProgram, read_pt2
from pyexport.frontends.sniff import (
    LEGACY,
    NIR,
    ONNX,
    PT2,
    SAFETENSORS,
    SCRATCH,
    STATE_DICT,
    STOCK_MODULE,
    Finding,
    identify,
)
from pyexport.frontends.stock_modules import survey_module
from pyexport.frontends.survey import Part, survey
from pyexport.frontends.weight_files import module_of
from pyexport.frontends.weights import not_finite, weights_of_checkpoint, weights_of_safetensors
from pyexport.ir import Array
from pyexport.tensorfile import read_tensorfile
from pyexport.untrusted import (
    MAX_LISTED,
    MAX_MODEL_BYTES,
    MAX_PICKLE_BYTES,
    printable,
    read_regular,
)

_TITLES = {
    PT2: "torch.export archive",
    ONNX: "ONNX model",
    NIR: "NIR graph of a spiking network",
    SCRATCH: "checkpoint of pyexport.scratch",
    STATE_DICT: "torch.save file of weights and names (a state_dict or a checkpoint)",
    STOCK_MODULE: "torch.save file of a pickled module made of stock layers",
    SAFETENSORS: "safetensors file of weights and names",
}
LEGACY_PICKLES = 4  # a magic number, a version, facts of the machine, and the object
_NOTHING_TO_SAY = ("unknown", "empty")
_NUMPY_NAMES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


@dataclass(frozen=True)
class Contents:
    """A file in words; texts of the file are escaped, lists end after MAX_LISTED entries."""

    kind: str  # of frontends/sniff.py
    title: str  # "torch.export archive"
    producer: str = ""  # "torch 2.13.0"; "" where the file does not say
    operators: tuple[Part, ...] = ()
    tensors: tuple[Part, ...] = ()
    imports: tuple[str, ...] = ()  # what loading its pickle would import
    parameters: int = 0  # numbers in all tensors that are weights
    refusals: tuple[str, ...] = field(default=())  # why an export would refuse it, without the path
    left_out: int = 0  # entries beyond MAX_LISTED, of all lists

    def with_refusal(self, error: PyexportError, where: str) -> Contents:
        """Return the contents with one more refusal, unless they have it already."""
        text = str(error).removeprefix(f"{where}: ")
        return self if text in self.refusals else replace(self, refusals=(text, *self.refusals))


def read_contents(path: Path) -> Contents:
    """Return what is in a file; raises FileFormatError only where nothing can be said about it."""
    data = read_regular(path, MAX_MODEL_BYTES, "a model file")
    return contents_of(data, printable(path, 300), path.parent)


def contents_of(data: bytes, where: str, folder: Path | None = None) -> Contents:
    """Return what is in a file of these bytes; raises as `read_contents`, naming `where`.

    `folder` is where an ONNX file may have stored tensors.
    """
    finding = identify(data, where)
    if finding.kind in _NOTHING_TO_SAY:
        raise FileFormatError(f"{where}: this is {finding.what}; {finding.remedy}")
    contents = Contents(finding.kind, _TITLES.get(finding.kind, finding.what))
    try:
        contents = _inside(contents, finding, data, folder, where)
    except PyexportError as error:
        contents = contents.with_refusal(error, where)
    return _cut(contents)


def _inside(
    contents: Contents, finding: Finding, data: bytes, folder: Path | None, where: str
) -> Contents:
    kind = finding.kind
    if kind == ONNX:
        return _of_onnx(contents, data, folder, where)
    if kind == NIR:
        return _of_nir(contents, data, where)
    if kind == PT2:
        return _of_archive(contents, data, where)
    if kind in (SAFETENSORS, SCRATCH):
        return _of_tensorfile(contents, data, where)
    if kind in (STATE_DICT, STOCK_MODULE) and data.startswith(b"PK"):
        contents = _with_imports(contents, Archive(data, where))
        contents = _of_tree(contents, read_pickle(Archive(data, where), values=False), where)
        try:
            return _checked(contents, read_pickle(Archive(data, where)), where)
        except PyexportError as error:  # a buffer is missing or short: the rest is known
            return contents.with_refusal(error, where)
    if data.startswith(b"PK"):
        return _with_imports(contents, Archive(data, where))
    if data[:1] == b"\x80" or kind in ("pickle", "sklearn"):
        count = LEGACY_PICKLES if kind == LEGACY else 1
        return replace(contents, imports=scan_pickles(data[:MAX_PICKLE_BYTES], count))
    return contents


def _of_archive(contents: Contents, data: bytes, where: str) -> Contents:
    faults: list[PyexportError] = []
    program = read_pt2(data, where, faults)
    operators, refused = survey(program, where)
    return replace(
        contents,
        producer=program.producer,
        operators=operators,
        tensors=_stored(program),
        parameters=sum(p.array.size for p in program.parameters.values() if p.array.ndim),
        refusals=_without_path((*faults, *refused), where),
    )


def _of_onnx(contents: Contents, data: bytes, folder: Path | None, where: str) -> Contents:
    from pyexport.frontends.onnx.survey import survey_onnx  # it needs much that others do not

    found = survey_onnx(data, where, folder)
    return replace(
        contents,
        producer=found.producer,
        operators=found.operators,
        tensors=found.tensors,
        parameters=sum(part.numbers for part in found.tensors),
        refusals=tuple(str(e).removeprefix(f"{where}: ") for e in found.refusals),
    )


def _of_nir(contents: Contents, data: bytes, where: str) -> Contents:
    from pyexport.frontends.nir_file import read_nir  # h5py

    nir = read_nir(data, where)
    arrays = {
        f"{node.name}.{key}": value
        for node in nir.nodes
        for key, value in node.fields.items()
        if not isinstance(value, str)
    }
    tensors = tuple(_array(name, array) for name, array in arrays.items())
    return replace(
        contents,
        producer=f"NIR {printable(nir.version, 40)}",
        operators=tuple(Part(node.name, node.kind, (), 0) for node in nir.nodes),
        tensors=tensors,
        parameters=sum(t.numbers for t in tensors),
        refusals=_without_path(not_finite(arrays, where), where),
    )


def _stored(program: ExportedProgram) -> tuple[Part, ...]:
    """Return the tensors of an archive, with the types in which they are stored."""
    parts = []
    for name, parameter in program.parameters.items():
        part, info = _array(parameter.name, parameter.array), program.values.get(name)
        what = DTYPE_NAMES.get(info.dtype, part.what) if info else part.what
        parts.append(replace(part, what=what))
    return tuple(parts)


def _of_tensorfile(contents: Contents, data: bytes, where: str) -> Contents:
    metadata, raw = read_tensorfile(data, where)
    tensors = tuple(
        Part(printable(n), _NUMPY_NAMES.get(t.dtype, t.dtype), t.shape, math.prod(t.shape))
        for n, t in raw.items()
    )
    arrays = {} if contents.kind == SCRATCH else weights_of_safetensors(data, where).tensors
    return replace(
        contents,
        refusals=_without_path(not_finite(arrays, where), where),
        producer=printable(metadata.get("producer") or metadata.get("format", ""), 40),
        tensors=tensors,
        parameters=sum(t.numbers for t in tensors),
    )


def _with_imports(contents: Contents, archive: Archive) -> Contents:
    """Return the contents with what each pickle of an archive would import."""
    found: set[str] = set()
    for name in archive.names:
        if name.rpartition("/")[2] in ("data.pkl", "constants.pkl"):
            found.update(scan_pickle(archive.read(name)).globals)
    return replace(contents, imports=tuple(sorted(found)))


def _of_tree(contents: Contents, tree: object, where: str) -> Contents:
    """Return the tensors of a checkpoint, or the layers of a pickled module."""
    if isinstance(tree, dict) and not any(isinstance(value, Inert) for value in tree.values()):
        tensors = weights_of_checkpoint(tree, where).tensors
        listed = tuple(_array(name, array) for name, array in tensors.items())
        return replace(contents, tensors=listed, parameters=sum(t.numbers for t in listed))
    module = module_of(tree, where)
    if module is None:
        raise FileFormatError(f"{where}: its pickle holds no module; save the module itself")
    layers, _ = survey_module(module, where)
    return replace(contents, operators=layers, parameters=sum(layer.numbers for layer in layers))


def _checked(contents: Contents, tree: object, where: str) -> Contents:
    """Return the contents with what is wrong with the values, which were left out so far."""
    refused: Iterable[PyexportError]
    if contents.kind == STOCK_MODULE:
        module = module_of(tree, where)
        refused = survey_module(module, where)[1] if module is not None else ()
    else:
        refused = not_finite(weights_of_checkpoint(tree, where).tensors, where)
    return replace(contents, refusals=_without_path(refused, where))


def _without_path(errors: Iterable[PyexportError], where: str) -> tuple[str, ...]:
    return tuple(str(error).removeprefix(f"{where}: ") for error in errors)


def _array(name: str, array: Array) -> Part:
    return Part(printable(name), type_name(array), array.shape, array.size)


def _cut(contents: Contents) -> Contents:
    """Return the contents with escaped texts and short lists."""
    lists: Mapping[str, tuple[object, ...]] = {
        "operators": contents.operators,
        "tensors": contents.tensors,
        "imports": tuple(printable(name) for name in contents.imports),
        "refusals": contents.refusals,
    }
    left_out = sum(max(len(items) - MAX_LISTED, 0) for items in lists.values())
    short = {key: items[:MAX_LISTED] for key, items in lists.items()}
    return replace(contents, left_out=left_out, **short)  # type: ignore[arg-type]
