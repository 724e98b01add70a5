"""Stored tensors of an ONNX file as arrays: raw bytes, typed lists, or a file beside the model.

External data may lie only in the folder of the model or below it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pyexport.errors import FileFormatError, UnsupportedModelError
from pyexport.frontends.floats import BFLOAT16 as BFLOAT16_CODE
from pyexport.frontends.floats import FLOAT16 as FLOAT16_CODE
from pyexport.frontends.floats import stored_dtype, widened
from pyexport.frontends.onnx.wire import Message
from pyexport.ir import Array
from pyexport.untrusted import (
    MAX_ELEMENTS,
    MAX_MODEL_BYTES,
    MAX_RANK,
    MAX_REUSE,
    REUSE_FREE_BYTES,
    printable,
    read_regular,
)

FLOAT, INT64, BOOL = 1, 7, 9
FLOAT16 = 10
FLOATS = (1, 10, 11, 16)
DTYPE_NAMES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    8: "a text", 9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
    14: "complex64", 15: "complex128", 16: "bfloat16", 17: "float8", 18: "float8", 19: "float8",
    20: "float8", 21: "uint4", 22: "int4", 23: "float4", 24: "float8", 25: "uint2", 26: "int2",
}  # fmt: skip
_CODES = {  # as the elements lie in raw data
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?",
    10: FLOAT16_CODE, 11: "<f8", 12: "<u4", 13: "<u8", 16: BFLOAT16_CODE,
}  # fmt: skip
_TYPED = {4: (1,), 5: (2, 3, 4, 5, 6, 9, 10, 16), 7: (7,), 10: (11,), 11: (12, 13)}
_LISTS = {dtype: number for number, dtypes in _TYPED.items() for dtype in dtypes}
_EXTERNAL = 1


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor as the file says it: the elements are in `raw`, in `typed`, or in another file."""

    path: str  # for error messages
    name: str
    dtype: int  # a key of DTYPE_NAMES
    shape: tuple[int, ...]
    raw: memoryview | None
    typed: tuple[Array, ...]
    external: tuple[tuple[str, str], ...] | None  # location, offset, length


def parse_tensor(message: Message) -> StoredTensor:
    """Return the tensor of a TensorProto; its elements are not touched."""
    name, dtype, location = "", 0, 0
    shape: list[int] = []
    raw: memoryview | None = None
    typed: dict[int, list[Array]] = {}
    external: list[tuple[str, str]] = []
    for item in message.fields():
        match item.number:
            case 1:
                shape.extend(item.integers().tolist())
            case 2:
                dtype = item.signed()
            case 3:
                raise message.damaged("a tensor in segments, which is not supported")
            case 4:
                typed.setdefault(4, []).append(item.floats("<f4"))
            case 10:
                typed.setdefault(10, []).append(item.floats("<f8"))
            case 5 | 7 | 11:
                typed.setdefault(item.number, []).append(item.integers())
            case 8:
                name = item.text()
            case 9:
                raw = item.raw()
            case 13:
                external.append(_entry(item.message("external_data")))
            case 14:
                location = item.signed()
    limits = all(0 <= n <= MAX_ELEMENTS for n in shape)  # each: a 0 hides the others' product
    if len(shape) > MAX_RANK or not limits or math.prod(shape) > MAX_ELEMENTS:
        raise FileFormatError(
            f"{message.path}: {printable(name)} claims the shape {printable(tuple(shape))}, over "
            f"the limit of {MAX_ELEMENTS} elements; the file is damaged: save it again"
        )
    elements = tuple(typed.get(_LISTS.get(dtype, 0), ()))
    outside = tuple(external) if location == _EXTERNAL else None
    return StoredTensor(message.path, name, dtype, tuple(shape), raw, elements, outside)


def _entry(message: Message) -> tuple[str, str]:
    key = value = ""
    for item in message.fields():
        if item.number == 1:
            key = item.text()
        elif item.number == 2:
            value = item.text()
    return key, value


@dataclass
class Store:
    """Reads tensors of one model file, and counts what they take."""

    where: str
    folder: Path | None  # of the model; None where it was read from memory
    room: int  # bytes of tensors that may still be read
    files: dict[str, bytes] = field(default_factory=dict)  # external ones, by location

    def array(self, tensor: StoredTensor) -> Array:
        """Return the elements; half precision as float32. Raises FileFormatError."""
        shown = f"{self.where}: {printable(tensor.name) or tensor.path}"
        if tensor.dtype not in _CODES:
            kind = DTYPE_NAMES.get(tensor.dtype, f"of type {tensor.dtype}")
            raise UnsupportedModelError(f"{shown} is {kind}; save float32 weights")
        code = _CODES[tensor.dtype]
        dtype = stored_dtype(code)
        count = math.prod(tensor.shape)
        self.room -= count * max(dtype.itemsize, 4)
        if self.room < 0:
            raise FileFormatError(
                f"{shown}: the tensors claim over {MAX_REUSE} times the bytes of the file; store "
                "each once"
            )
        if tensor.external is not None:
            stored = np.frombuffer(self._external(tensor, shown), np.uint8)
        elif tensor.raw is not None:
            stored = np.frombuffer(tensor.raw, np.uint8)
        else:
            return widened(_typed(tensor, dtype, shown), code)
        if stored.size != count * dtype.itemsize:
            raise FileFormatError(
                f"{shown} has {stored.size} bytes, its shape takes {count * dtype.itemsize}; the "
                "file is damaged: save it again"
            )
        return widened(stored.view(dtype).reshape(tensor.shape), code)

    def _external(self, tensor: StoredTensor, shown: str) -> memoryview:
        entries = dict(tensor.external or ())
        data = memoryview(self._file(entries.get("location", ""), shown))
        offset = _count(entries.get("offset", "0"), f"{shown}: offset")
        left = max(len(data) - offset, 0)
        length = _count(entries.get("length", str(left)), f"{shown}: length")
        if offset + length > len(data):
            raise FileFormatError(
                f"{shown} reaches outside {printable(entries['location'])}; copy both files again"
            )
        return data[offset : offset + length]

    def _file(self, location: str, shown: str) -> bytes:
        if location in self.files:
            return self.files[location]
        named = f"{shown} is stored in {printable(location) or 'a file without a name'}"
        remedy = "torch.onnx.export(..., external_data=False) writes one file"
        if self.folder is None:
            raise FileFormatError(f"{named}, beside the model; {remedy}")
        path = Path(location)
        strange = not location or "\\" in location or ":" in location or "\0" in location
        if strange or path.is_absolute() or ".." in path.parts:
            raise FileFormatError(
                f"{named}, outside the model's folder; nothing was read: {remedy}"
            )
        whole = self.folder / path
        if not _lies_in(whole, self.folder):
            raise FileFormatError(f"{named}, a link out of the model's folder; copy the file there")
        try:
            data = read_regular(whole, MAX_MODEL_BYTES, "the data of the model")
        except FileFormatError as error:
            raise FileFormatError(f"{shown} is stored in another file: {error}") from None
        self.files[location] = data
        self.room += MAX_REUSE * len(data)
        return data


def _lies_in(path: Path, folder: Path) -> bool:
    """Return whether a path, its links followed, is inside a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def make_store(where: str, folder: Path | None, file_bytes: int) -> Store:
    """Return a store whose tensors may take a small multiple of the model file."""
    return Store(where, folder, MAX_REUSE * file_bytes + REUSE_FREE_BYTES)


def _typed(tensor: StoredTensor, dtype: np.dtype[np.generic], shown: str) -> Array:
    values = np.concatenate(tensor.typed) if tensor.typed else np.zeros(0, np.int64)
    if values.size != math.prod(tensor.shape):
        raise FileFormatError(
            f"{shown} has {values.size} elements, its shape takes {math.prod(tensor.shape)}; the "
            "file is damaged: save it again"
        )
    if tensor.dtype == FLOAT16:  # stored as the bits of each number
        return values.astype(np.uint16).view(np.float16).reshape(tensor.shape)
    elements = values.astype(dtype)
    if values.dtype.kind == "i" and not np.array_equal(elements.astype(np.int64), values):
        raise FileFormatError(f"{shown} holds numbers that {dtype} cannot; save it again")
    return elements.reshape(tensor.shape)


def _count(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise FileFormatError(f"{what} {printable(text, 40)} is no number; the file is damaged")
    return int(text)
