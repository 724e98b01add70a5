"""Blobs: the bytes of several inputs, or outputs, as one block that goes into a harness or a board.

The tensors lie in declared order, each at the next multiple of its own element size, and the block
ends at a multiple of the largest (docs/link.md). So the layout is the same on every chip, and a
block that is as aligned as its widest elements is right for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NUMPY_TYPES: dict[str, type[Any]] = {
    "u8": np.uint8,
    "s8": np.int8,
    "u16": np.uint16,
    "s16": np.int16,
    "f32": np.float32,
    "s32": np.int32,
}
C_TYPES = {
    "u8": "uint8_t",
    "s8": "int8_t",
    "u16": "uint16_t",
    "s16": "int16_t",
    "f32": "float",
    "s32": "int32_t",
}


def c_type(dtype: str) -> str:
    """Return the C type of "u8", "s8", "u16", "s16", "s32" or "f32"."""
    return C_TYPES[dtype]


def numpy_type(dtype: str) -> np.dtype[Any]:
    """Return the little-endian NumPy type of "u8", "s8", "u16", "s16", "s32" or "f32"."""
    return np.dtype(NUMPY_TYPES[dtype]).newbyteorder("<")


@dataclass(frozen=True)
class Slot:
    """One tensor of a blob."""

    name: str  # of the parameter in C
    dtype: str
    size: int
    low: float = 0.0  # of an input: its legal values
    high: float = 0.0
    has_argmax: bool = False  # of an output

    @property
    def suffix(self) -> str:
        """What functions and macros call it: `class` where the parameter must be `class_`."""
        return self.name.rstrip("_")

    @property
    def item_bytes(self) -> int:
        """Bytes of one element."""
        return int(numpy_type(self.dtype).itemsize)


@dataclass(frozen=True)
class Blob:
    """How several tensors lie in a block of bytes."""

    slots: tuple[Slot, ...]

    @property
    def element(self) -> str:
        """The type that the block is an array of: one of the widest."""
        return max(self.slots, key=lambda slot: slot.item_bytes).dtype

    @property
    def offsets(self) -> tuple[int, ...]:
        """Bytes before each tensor."""
        found, at = [], 0
        for slot in self.slots:
            at = -(-at // slot.item_bytes) * slot.item_bytes
            found.append(at)
            at += slot.size * slot.item_bytes
        return tuple(found)

    @property
    def size(self) -> int:
        """Elements of the block."""
        last = self.slots[-1]
        item = numpy_type(self.element).itemsize
        return int(-(-(self.offsets[-1] + last.size * last.item_bytes) // item))

    @property
    def row_size(self) -> int:
        """Values of all tensors together."""
        return sum(slot.size for slot in self.slots)

    @property
    def row_type(self) -> np.dtype[Any]:
        """The smallest type that holds the values of all tensors."""
        return np.result_type(*(NUMPY_TYPES[slot.dtype] for slot in self.slots))

    def pack(self, rows: Array) -> Array:
        """Return blocks (n, size) of rows of values (n, row_size)."""
        element = numpy_type(self.element)
        packed = np.zeros((len(rows), self.size * element.itemsize), np.uint8)
        start = 0
        for slot, at in zip(self.slots, self.offsets, strict=True):
            values = rows[:, start : start + slot.size].astype(numpy_type(slot.dtype))
            values = np.ascontiguousarray(values).view(np.uint8)
            packed[:, at : at + slot.size * slot.item_bytes] = values
            start += slot.size
        return packed.view(element)

    def unpack(self, blocks: Array) -> Array:
        """Return rows of values (n, row_size) of blocks (n, size)."""
        block_bytes = np.ascontiguousarray(blocks).view(np.uint8)
        parts = [
            np.ascontiguousarray(block_bytes[:, at : at + slot.size * slot.item_bytes])
            .view(numpy_type(slot.dtype))
            .astype(self.row_type)
            for slot, at in zip(self.slots, self.offsets, strict=True)
        ]
        return np.concatenate(parts, axis=1)


def pointers(slots: Sequence[Slot], base: str, *, const: str = "") -> list[str]:
    """Return a C pointer to each tensor of the blob at `base`; const: "const " or nothing."""
    found = []
    for slot, at in zip(slots, Blob(tuple(slots)).offsets, strict=True):
        place = f"({const}uint8_t *)({base})" + (f" + {at}" if at else "")
        found.append(f"({const}{c_type(slot.dtype)} *)({const}void *)({place})")
    return found
