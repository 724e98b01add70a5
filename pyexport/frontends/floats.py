"""The number types of stored tensors: half precision is widened to float32, exactly."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array

BFLOAT16 = "bfloat16"  # NumPy has no such type: the upper half of a float32
FLOAT16 = "<f2"

# Of a torch.export archive, by its numbers of the types.
FLOATS = {6: FLOAT16, 7: "<f4", 8: "<f8", 13: BFLOAT16}
HALVES = (6, 13)
INTEGERS = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 12: "?"}
DTYPE_NAMES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32",
    8: "float64", 9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
    28: "uint16",
}  # fmt: skip


def stored_dtype(code: str) -> np.dtype[np.generic]:
    """Return the type in which the elements lie in the file: u16 for a bfloat16."""
    return np.dtype("<u2" if code == BFLOAT16 else code)


def widened(array: Array, code: str) -> Array:
    """Return stored elements as numbers: float16 and bfloat16 as float32, others as they are."""
    if code == BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if code == FLOAT16 else array


def unread(code: str, sizes: list[int]) -> Array:
    """Return zeros that take no memory; the type of a bfloat16 has its name as a field."""
    dtype = np.dtype([(BFLOAT16, "<u2")]) if code == BFLOAT16 else np.dtype(code)
    return np.broadcast_to(np.zeros((), dtype), sizes)


def type_name(array: Array) -> str:
    """Return "float32", of an unread array the type in the file."""
    return array.dtype.names[0] if array.dtype.names else str(array.dtype)
