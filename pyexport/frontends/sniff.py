"""Recognizes a model file by its content, and says what to do with the kinds that are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyexport.errors import FileFormatError
from pyexport.frontends.archive import Archive
from pyexport.frontends.pickle_scan import PickleScan, scan_pickle
from pyexport.untrusted import (
    MAX_HEADER_BYTES,
    SNIFFED_FIELDS,
    SNIFFED_HEADER_BYTES,
    parse_json,
    printable,
)

PT2 = "pt2"  # the kinds that can be read
SCRATCH = "scratch"
ONNX = "onnx"
NIR = "nir"
STATE_DICT = "state_dict"
STOCK_MODULE = "stock_module"
SAFETENSORS = "safetensors"
WEIGHT_FILES = (STATE_DICT, STOCK_MODULE, SAFETENSORS)  # without a graph of operators
TORCHSCRIPT = "torchscript"  # those that --trust opens, which runs them
OLD_EXPORT = "old_export"
LEGACY = "legacy"
SKLEARN = ("sklearn", "compressed")
TRUSTED = (*SKLEARN, TORCHSCRIPT, OLD_EXPORT, LEGACY, "pickled_module", "pickle")

_SAVE = 'pyexport.save(model, example, "model.pt2")'
_SAVE_BOTH = f'{_SAVE} or torch.export.save(torch.export.export(model, (example,)), "model.pt2")'
_RESAVE = f"in Python, build the model, load it, and write {_SAVE_BOTH}"
NIR_MARK = b"NIRGraph"  # the type of the graph itself, a text in every NIR file
LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46")
_TRUST_IT = "or, if you trust its author, pass --trust, which runs it"
_HEADER = re.compile(rb'#define\s+\w+_IDENTITY\s*(?:\\\s*)?"[0-9a-f]{64}"')
_COMPRESSED = (  # gzip, zlib at each level, bzip2, xz and lzma
    *(b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"BZh"),
    *(b"\xfd7zXZ", b"]\x00\x00"),
)
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class Finding:
    """What a file is. For a refused kind: what it is and lacks, and the way out."""

    kind: str
    what: str = ""
    remedy: str = ""


def identify(data: bytes, where: str) -> Finding:
    """Return what the bytes are; raises FileFormatError for a damaged or hostile archive."""
    if not data:
        return Finding("empty", "an empty file", f"save the model again: {_SAVE}")
    if data.startswith(_ZIP_MAGICS):
        return _identify_zip(Archive(data, where))
    if data.startswith(LEGACY_MAGIC):
        return Finding(
            LEGACY,
            "a torch.save file of the format before PyTorch 1.6, a pickle",
            f"{_RESAVE}; {_TRUST_IT}",
        )
    for test in (_magic, _safetensors, _onnx, _json_text, _header, _any_pickle):
        finding = test(data)
        if finding:
            return finding
    return Finding(
        "unknown",
        f"not a model file (it starts with the bytes {data[:8].hex(' ')})",
        f"export reads what {_SAVE_BOTH} writes",
    )


def _identify_zip(archive: Archive) -> Finding:
    names = archive.names
    base = {name.partition("/")[2] for name in names}
    one_pickle = "data/weights/model.pt" in base  # of all weights: the layout of PyTorch 2.8
    if "archive_format" in base and any(n.startswith("models/") for n in base) and not one_pickle:
        return Finding(PT2)
    if any(n.startswith("data/aotinductor/") for n in base):
        return Finding(
            "aotinductor",
            "an AOTInductor package, machine code for a PC without the graph",
            f"save the model itself: {_SAVE_BOTH}",
        )
    if one_pickle or any("serialized_exported_program" in n for n in names):
        return Finding(
            OLD_EXPORT,
            "a torch.export file written by PyTorch 2.8 or older",
            f"load it with that version and save it with PyTorch 2.9 or newer, or {_SAVE}; "
            f"{_TRUST_IT}",
        )
    if "constants.pkl" in base and any(n.startswith("code/") for n in base):
        return Finding(
            TORCHSCRIPT,
            "a TorchScript program, which only PyTorch can run",
            f"save the Python model instead: {_SAVE_BOTH}; {_TRUST_IT}",
        )
    pickles = [n for n in names if n.partition("/")[2] == "data.pkl" or n == "data.pkl"]
    if len(pickles) == 1:
        return _torch_pickle(scan_pickle(archive.read(pickles[0])))
    if names and all(n.endswith(".npy") for n in names):
        return _arrays("a NumPy .npz file")
    if any(n.endswith(".weights.h5") for n in names):
        return _keras("a Keras file")
    return Finding(
        "zip",
        "a zip archive without a model in it",
        f"export reads what {_SAVE_BOTH} writes",
    )


def _torch_pickle(scan: PickleScan) -> Finding:
    kind = scan.kind
    if kind == "tensors":
        return Finding(
            STATE_DICT,
            "a torch.save file of weights and names only (a state_dict), without the layers",
            "in Python, build the model, then model.load_state_dict(torch.load("
            f'"FILE", weights_only=True)) and {_SAVE_BOTH}',
        )
    if kind == "stock modules":
        return Finding(
            STOCK_MODULE,
            "a torch.save file of a whole pickled model, without its input shape",
            f'in Python, model = torch.load("FILE", weights_only=False) and {_SAVE_BOTH}',
        )
    if kind == "own modules" or any(g.startswith("torch.") for g in scan.globals):
        return Finding(
            "pickled_module",
            f"a torch.save file that needs the author's classes ({_some(scan.foreign)}); "
            "they hold the forward pass, the file does not",
            f"where these classes are defined, load the model and write {_SAVE_BOTH}; {_TRUST_IT}",
        )
    return _foreign(scan)


def _any_pickle(data: bytes) -> Finding | None:
    binary = data[0] == 0x80 and len(data) > 1 and 2 <= data[1] <= 5
    if not binary and data.rstrip()[-1:] != b".":
        return None
    scan = scan_pickle(data)
    if not binary and not (scan.complete and scan.globals):
        return None
    if scan.kind in {"tensors", "stock modules", "own modules"}:
        return _torch_pickle(scan)
    return _foreign(scan)


def _foreign(scan: PickleScan) -> Finding:
    if scan.kind == "sklearn":
        return Finding(
            "sklearn",
            "a pickle of a scikit-learn estimator, which runs code when it is loaded",
            "if you trust its author, pass --trust to run it, or in Python load it and call "
            "pyexport.from_sklearn(estimator)",
        )
    return Finding(
        "pickle",
        f"a pickle that imports {_some(scan.globals)}",
        f"if it holds a model, load it yourself and write {_SAVE}; {_TRUST_IT}",
    )


def _magic(data: bytes) -> Finding | None:
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return Finding(NIR) if NIR_MARK in data else _keras("an HDF5 file (of Keras, it seems)")
    if data[4:8] == b"TFL3":
        return Finding(
            "tflite",
            "a TensorFlow Lite model, already quantized for another runtime",
            f"rebuild the network in PyTorch and write {_SAVE}",
        )
    if data.startswith(b"\x93NUMPY"):
        return _arrays("a NumPy .npy file")
    if data.startswith(_COMPRESSED):
        return Finding(
            "compressed",
            "a compressed file (gzip, zlib, bzip2, xz or lzma), as joblib writes them",
            "unpack it; or if it is a scikit-learn model of an author that you trust, pass --trust "
            "to run it",
        )
    for start, what in (
        (b"\x7fELF", "a compiled program (ELF)"),
        (b"GGUF", "a GGUF file of language-model weights"),
    ):
        if data.startswith(start):
            return Finding("other", what, f"export reads what {_SAVE_BOTH} writes")
    return None


def _safetensors(data: bytes) -> Finding | None:
    length = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{" or length > MAX_HEADER_BYTES:
        return None
    if b'"__metadata__"' in data[:4096] and b'"pyexport.scratch"' in data[:4096]:
        return Finding(SCRATCH)
    if b'"__metadata__"' in data[:4096] and b'"pyexport' in data[:4096]:
        return Finding(
            "artifact",
            "a pyexport artifact (.px), which is already exported",
            "pass it to `pyexport simulate`, `verify` or `inspect`; export takes the model file",
        )
    return Finding(
        SAFETENSORS,
        "a safetensors file: weights and names only, without the layers",
        f"in Python, build the model, load these weights into it, and write {_SAVE}",
    )


def _onnx(data: bytes) -> Finding | None:
    """ONNX has no magic: walk the top-level protobuf fields until the graph (field 7)."""
    position = 0
    for _ in range(SNIFFED_FIELDS):
        if position >= len(data):
            return None
        key, position = _varint(data, position)
        field, wire = key >> 3, key & 7
        value, position = _varint(data, position)
        if field == 7 and wire == 2:
            return Finding(ONNX)
        if wire == 2 and field in {2, 3, 4, 6, 8, 14, 20, 25}:
            position += value
        elif not (wire == 0 and field in {1, 5}):
            return None
    return None


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value, position


def _json_text(data: bytes) -> Finding | None:
    if data.lstrip()[:1] != b"{":
        return None
    try:
        parse_json(data, "")
    except FileFormatError:
        return None
    return Finding("json", "a JSON text, not a model file", f"save the model with {_SAVE}")


def _header(data: bytes) -> Finding | None:
    """Know a header of ours by the identity that it defines."""
    if not _HEADER.search(data[:SNIFFED_HEADER_BYTES]):
        return None
    return Finding(
        "header",
        "a header that pyexport wrote, which is already exported",
        "pass STEM.px beside it to `pyexport inspect` or `simulate`, the header to `verify`, "
        "and to export the model file",
    )


def _keras(what: str) -> Finding:
    return Finding("keras", f"{what}, which cannot be read", f"rebuild it in PyTorch: {_SAVE}")


def _arrays(what: str) -> Finding:
    return Finding(
        "arrays",
        f"{what}: data, not a model",
        "pass it with --calibration, and the model file as the model",
    )


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(printable(n, 60) for n in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "nothing"
