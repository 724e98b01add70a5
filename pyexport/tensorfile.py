"""Reads and writes tensors in the safetensors layout, with the standard library alone.

    u64 length of the header, little-endian
    header: JSON {"__metadata__": {str: str},
                  NAME: {"dtype": str, "shape": [int], "data_offsets": [begin, end]}, ...},
            padded with spaces to a multiple of 8
    raw little-endian buffers, without gaps

The writer is canonical: metadata sorted by key, tensors by item size (largest first, so that each
buffer is aligned) and then by name. The same content gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from pyexport.errors import FileFormatError
from pyexport.untrusted import MAX_COUNT, MAX_HEADER_BYTES, MAX_STORED_RANK, parse_json, printable

ITEM_BYTES = {
    "F64": 8, "I64": 8, "U64": 8,
    "F32": 4, "I32": 4, "U32": 4,
    "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
METADATA_KEY = "__metadata__"
_WAY_OUT = "the file is damaged: copy it again, or make it again"


@dataclass(frozen=True)
class RawTensor:
    """One tensor as it lies in the file: little-endian, row by row."""

    dtype: str  # a key of ITEM_BYTES
    shape: tuple[int, ...]
    data: bytes | memoryview


def write_tensorfile(metadata: Mapping[str, str], tensors: Mapping[str, RawTensor]) -> bytes:
    """Return the canonical file; raises ValueError on a tensor whose size is not its shape's."""
    order = sorted(tensors, key=lambda name: (-ITEM_BYTES[tensors[name].dtype], name))
    header: dict[str, object] = {METADATA_KEY: dict(sorted(metadata.items()))}
    offset = 0
    for name in order:
        tensor = tensors[name]
        size = math.prod(tensor.shape) * ITEM_BYTES[tensor.dtype]
        if name == METADATA_KEY or memoryview(tensor.data).nbytes != size:
            raise ValueError(f"tensor {name!r} cannot be written: {size} bytes expected")
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode("ascii")
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(tensors[n].data for n in order)])


def read_tensorfile(data: bytes, where: str) -> tuple[dict[str, str], dict[str, RawTensor]]:
    """Return (metadata, tensors); `where` names the file in errors. Buffers are views of data."""
    header = _read_header(data, where)
    metadata = header.pop(METADATA_KEY, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise FileFormatError(f"{where}: {METADATA_KEY} must hold texts only; {_WAY_OUT}")
    body = memoryview(data)[8 + int.from_bytes(data[:8], "little") :]
    tensors: dict[str, RawTensor] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        dtype, shape, begin, end = _check_entry(entry, f"{where}: tensor {printable(name)}")
        if end > len(body):
            raise FileFormatError(
                f"{where}: tensor {printable(name)} ends outside the file; {_WAY_OUT}"
            )
        spans.append((begin, end, name))
        tensors[name] = RawTensor(dtype, shape, body[begin:end])
    _check_spans(spans, len(body), where)
    return metadata, tensors


def _read_header(data: bytes, where: str) -> dict[str, object]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise FileFormatError(
            f"{where}: the file is shorter than its header says; it is truncated; {_WAY_OUT}"
        )
    if length > MAX_HEADER_BYTES:
        raise FileFormatError(
            f"{where}: a header of {length} bytes is over {MAX_HEADER_BYTES}; {_WAY_OUT}"
        )
    header = parse_json(data[8 : 8 + length], where)
    if not isinstance(header, dict):
        raise FileFormatError(f"{where}: the header is not a JSON object; {_WAY_OUT}")
    return header


def _check_entry(entry: object, what: str) -> tuple[str, tuple[int, ...], int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(f"{what} must have dtype, shape and data_offsets; {_WAY_OUT}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        known = ", ".join(ITEM_BYTES)
        raise FileFormatError(
            f"{what} has dtype {printable(dtype, 20)}, which is none of {known}; {_WAY_OUT}"
        )
    if not _are_sizes(shape) or len(shape) > MAX_STORED_RANK:
        raise FileFormatError(f"{what} has no valid shape; {_WAY_OUT}")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise FileFormatError(f"{what} has no valid data_offsets; {_WAY_OUT}")
    begin, end = offsets
    if math.prod(shape) * ITEM_BYTES[dtype] != end - begin:
        raise FileFormatError(
            f"{what} holds {end - begin} bytes, not what its shape needs; {_WAY_OUT}"
        )
    return dtype, tuple(shape), begin, end


def _are_sizes(value: object) -> bool:
    """Return whether value is a list of integers from 0 to 2**48 (bool is not an integer here)."""
    return isinstance(value, list) and all(type(v) is int and 0 <= v <= MAX_COUNT for v in value)


def _check_spans(spans: list[tuple[int, int, str]], total: int, where: str) -> None:
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            problem = "overlaps another tensor" if begin < position else "follows a gap"
            raise FileFormatError(f"{where}: tensor {printable(name)} {problem}; {_WAY_OUT}")
        position = end
    if position != total:
        raise FileFormatError(f"{where}: {total - position} bytes belong to no tensor; {_WAY_OUT}")
