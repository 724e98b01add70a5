"""Reads the wire format of protocol buffers: a message as its fields, within limits.

A field is a key (number and wire type) and a value: a varint, 4 or 8 raw bytes, or a length and
that many bytes, which may be a text, a packed array or another message. Nothing here knows what a
field means, and nothing is copied.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pyexport.errors import FileFormatError
from pyexport.ir import Array
from pyexport.untrusted import MAX_FIELDS, MAX_NAME_BYTES, MAX_VARINTS, printable

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_MAX_FIELD = 536_870_911
_MAX_VARINT_BYTES = 10


@dataclass
class Budget:
    """What may still be read of one file: things that take far more memory than bytes in it."""

    fields: int = MAX_FIELDS
    varints: int = MAX_VARINTS  # in packed arrays


@dataclass(frozen=True)
class Message:
    """The bytes of a message, and where they are for error messages ("model.onnx: graph.node")."""

    data: memoryview
    path: str
    budget: Budget

    def fields(self) -> Iterator[Field]:
        """Yield every field in the order of the file; raises FileFormatError."""
        position, end = 0, len(self.data)
        while position < end:
            self.budget.fields -= 1
            if self.budget.fields < 0:
                raise FileFormatError(
                    f"{self.path}: the file has over {MAX_FIELDS} fields; store tensors as raw data"
                )
            key, position = self._varint(position)
            number, wire = key >> 3, key & 7
            if not 1 <= number <= _MAX_FIELD or wire not in (VARINT, FIXED64, BYTES, FIXED32):
                raise self.damaged(f"a field with the key {key}")
            if wire == VARINT:
                integer, position = self._varint(position)
                yield Field(self, number, wire, integer, self.data[:0])
                continue
            size = _WIDTHS.get(wire, 0)
            if wire == BYTES:
                size, position = self._varint(position)
            if size > end - position:
                raise self.damaged("a field that reaches over its end")
            yield Field(self, number, wire, 0, self.data[position : position + size])
            position += size

    def damaged(self, what: str) -> FileFormatError:
        """Return the error for a message that holds something that no writer puts there."""
        return FileFormatError(
            f"{self.path}: holds {what}; the file is damaged: copy or save it again"
        )

    def _varint(self, position: int) -> tuple[int, int]:
        value = 0
        for count, byte in enumerate(self.data[position : position + _MAX_VARINT_BYTES]):
            value |= (byte & 127) << 7 * count
            if byte < 128:
                return value & 0xFFFFFFFFFFFFFFFF, position + count + 1
        raise self.damaged("a number without an end")


@dataclass(frozen=True)
class Field:
    """One field of a message; `integer` of a varint, `data` of everything else."""

    owner: Message
    number: int
    wire: int
    integer: int  # 0..2**64 - 1
    data: memoryview

    def signed(self) -> int:
        """Return an int64 or an int32, which is written as one."""
        self._require(VARINT, "a number")
        return self.integer - (1 << 64) if self.integer >> 63 else self.integer

    def text(self, limit: int = MAX_NAME_BYTES) -> str:
        """Return a text of at most `limit` bytes."""
        self._require(BYTES, "a text")
        if len(self.data) > limit:
            raise self.owner.damaged(f"a text of {len(self.data)} bytes, over the limit {limit}")
        try:
            return str(self.data, "utf-8")
        except UnicodeDecodeError:
            raise self.owner.damaged("a text that is not UTF-8") from None

    def raw(self) -> memoryview:
        """Return the bytes."""
        self._require(BYTES, "bytes")
        return self.data

    def float32(self) -> float:
        """Return a float."""
        self._require(FIXED32, "a float")
        value: float = struct.unpack("<f", self.data)[0]
        return value

    def message(self, name: str) -> Message:
        """Return the message in the field; `name` says for error messages what it is."""
        self._require(BYTES, "a message")
        return Message(self.data, f"{self.owner.path}: {printable(name)}", self.owner.budget)

    def integers(self) -> Array:
        """Return a repeated int64, int32 or uint64: all of a packed field, or one element."""
        if self.wire == VARINT:
            return np.array([self.integer], np.uint64).view(np.int64)
        self._require(BYTES, "numbers")
        return self._packed_varints().view(np.int64)

    def floats(self, code: str) -> Array:
        """Return a repeated float ("<f4") or double ("<f8"), packed or one element."""
        dtype = np.dtype(code)
        if self.wire not in (BYTES, FIXED32 if dtype.itemsize == 4 else FIXED64):
            raise self.owner.damaged(f"field {self.number}, which is not floats")
        if len(self.data) % dtype.itemsize:
            raise self.owner.damaged("an array with half an element")
        return np.frombuffer(self.data, dtype)

    def _packed_varints(self) -> Array:
        """Return varints as u64: 7 bits a byte, the last byte of a number is below 128."""
        data = np.frombuffer(self.data, np.uint8)
        if data.size == 0:
            return np.zeros(0, np.uint64)
        self.owner.budget.varints -= data.size
        if self.owner.budget.varints < 0:
            raise FileFormatError(
                f"{self.owner.path}: the file has over {MAX_VARINTS} bytes of packed integers; "
                "store tensors as raw data"
            )
        last = np.flatnonzero(data < 128)
        starts = np.concatenate([[0], last[:-1] + 1]) if last.size else last
        if last.size == 0 or last[-1] != data.size - 1:
            raise self.owner.damaged("a number without an end")
        if int((last - starts).max()) >= _MAX_VARINT_BYTES:
            raise self.owner.damaged("a number of over 64 bits")
        places = np.arange(data.size) - np.repeat(starts, last - starts + 1)
        bits = (data & 127).astype(np.uint64) << (7 * places).astype(np.uint64)
        return np.asarray(np.bitwise_or.reduceat(bits, starts), np.uint64)

    def _require(self, wire: int, what: str) -> None:
        if self.wire != wire:
            raise self.owner.damaged(f"field {self.number}, which is not {what}")
