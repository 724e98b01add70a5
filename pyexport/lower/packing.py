"""Canonical bytes of parameter arrays: little endian, row by row, whatever machine exports."""

from typing import Any

import numpy as np

from pyexport.ir import Array
from pyexport.program import Const

MAX_4BIT = 7  # symmetric, as the weights of 8 bits are

_NUMPY: dict[str, np.dtype[Any]] = {
    "s8": np.dtype("<i1"),
    "u8": np.dtype("<u1"),
    "s16": np.dtype("<i2"),
    "u16": np.dtype("<u2"),
    "s32": np.dtype("<i4"),
    "f32": np.dtype("<f4"),
}


def plain_const(name: str, array: Array, dtype: str, note: str) -> Const:
    """Return a table with one C element a value; raises ValueError if a value does not fit."""
    packed = array.astype(_NUMPY[dtype])
    if dtype != "f32" and not np.array_equal(packed, array):
        raise ValueError(f"{name}: a value does not fit {dtype}")
    return Const(name, dtype, array.shape, packed.tobytes(), note)


def is_4bit(weight: Array) -> bool:
    """Return whether all weights lie in -7..7, so that two of them share a byte."""
    return int(np.abs(weight.astype(np.int64)).max(initial=0)) <= MAX_4BIT


def nibbles(weight: Array) -> Array:
    """Return weights (n_out, n_in) + 8, two a byte, the first in the low half; rows are padded."""
    values = weight.astype(np.int64) + 8
    padded = np.zeros((len(values), -(-values.shape[1] // 2) * 2), np.int64)
    padded[:, : values.shape[1]] = values
    return np.asarray(padded[:, 0::2] + (padded[:, 1::2] << 4))
