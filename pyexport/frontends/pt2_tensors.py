"""Reads the tensors of a torch.export archive: raw buffers, cut out by sizes and strides."""

from __future__ import annotations

import math

import numpy as np

from pyexport.errors import FileFormatError, UnsupportedModelError
from pyexport.frontends.archive import Archive
from pyexport.frontends.floats import DTYPE_NAMES, FLOATS, INTEGERS, stored_dtype, widened
from pyexport.frontends.json_view import JsonView
from pyexport.ir import Array
from pyexport.untrusted import (
    MAX_ELEMENTS,
    MAX_RANK,
    MAX_REUSE,
    REUSE_FREE_BYTES,
    parse_json,
    printable,
)

_STRIDED = 7  # the code of the ordinary dense layout


def archived_json(archive: Archive, member: str) -> JsonView:
    """Return a member that holds JSON."""
    path = f"{archive.where}: {printable(member.partition('/')[2])}"
    return JsonView(parse_json(archive.read(member), path), path)


class StoredTensors:
    """The tensors of an archive by name, read on demand."""

    def __init__(self, archive: Archive, root: str, model: str) -> None:
        self._archive = archive
        self._room = MAX_REUSE * archive.total_bytes + REUSE_FREE_BYTES  # of tensors, in bytes
        self._entries: dict[str, tuple[str, JsonView]] = {}
        self._arrays: dict[tuple[str, str], Array] = {}  # by member and description
        for folder in ("weights", "constants"):
            base = f"{root}data/{folder}/"
            config = f"{base}{model}_{folder}_config.json"
            if config in archive.names:
                for name, entry in archived_json(archive, config)["config"].items():
                    self._entries[name] = (base, entry)

    def read(self, name: str) -> Array:
        """Return a stored tensor as a contiguous array; tied parameters are one object."""
        where = f"{self._archive.where}: {printable(name)}"
        if name not in self._entries:
            raise FileFormatError(f"{where} is not in the archive; save the model again")
        base, entry = self._entries[name]
        if entry["use_pickle"].flag():
            raise FileFormatError(
                f"{where} is stored as a pickle, which would run code; it was not opened: "
                "save plain tensors (no subclasses, no sparse or quantized weights)"
            )
        member = entry["path_name"].text()
        if "/" in member or "\\" in member:
            raise FileFormatError(f"{where} is stored outside its folder")
        meta = entry["tensor_meta"]
        key = (base + member, repr(meta.value))
        if key not in self._arrays:
            self._arrays[key] = self._read_new(meta, base + member, where)
        return self._arrays[key]

    def _read_new(self, meta: JsonView, member: str, where: str) -> Array:
        array, code = _view(meta, self._archive.read(member), where)
        self._room -= array.nbytes
        if self._room < 0:
            raise FileFormatError(
                f"{where}: the tensors claim over {MAX_REUSE} times the bytes of the archive; save "
                "them with .contiguous()"
            )
        return widened(np.ascontiguousarray(array).reshape(array.shape), code)


def _view(meta: JsonView, data: bytes, where: str) -> tuple[Array, str]:
    """Return what sizes, strides and offset cut out of a buffer, not copied, and its type code."""
    dtype_code = meta["dtype"].integer()
    code = FLOATS.get(dtype_code) or INTEGERS.get(dtype_code)
    if code is None:
        name = DTYPE_NAMES.get(dtype_code, f"of type {dtype_code}")
        raise UnsupportedModelError(f"{where} is {name}; save model.float(), float32 weights")
    if meta["layout"].integer() != _STRIDED:
        raise UnsupportedModelError(f"{where} is sparse; save it as a dense tensor (.to_dense())")
    sizes = tuple(size["as_int"].size() for size in meta["sizes"])
    strides = tuple(stride["as_int"].size() for stride in meta["strides"])
    offset = meta["storage_offset"]["as_int"].size()
    if len(sizes) != len(strides) or len(sizes) > MAX_RANK:
        raise FileFormatError(f"{where} has {len(sizes)} sizes and {len(strides)} strides")
    count = math.prod(sizes)
    if count > MAX_ELEMENTS:
        raise FileFormatError(f"{where} claims {count} elements, over the limit {MAX_ELEMENTS}")
    dtype = stored_dtype(code)
    if count == 0:
        return np.zeros(0, dtype), code  # no operator takes it, whatever its other sizes are
    last = offset + sum((n - 1) * stride for n, stride in zip(sizes, strides, strict=True))
    if (last + 1) * dtype.itemsize > len(data):
        raise FileFormatError(f"{where} reaches outside its buffer; the file is damaged")
    buffer = np.frombuffer(data, dtype, len(data) // dtype.itemsize)
    view = np.lib.stride_tricks.as_strided(
        buffer[offset:], sizes, [s * dtype.itemsize for s in strides], writeable=False
    )
    return view, code
