"""Canonical bytes of parameter arrays: little endian, row by row, whatever machine exports."""

from typing import Any

import numpy as np

from pyexport.ir import Array
from pyexport.program import Const

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
