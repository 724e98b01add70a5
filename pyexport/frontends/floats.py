"""Reads stored tensors of every float type: half precision is widened to float32, exactly."""

from __future__ import annotations

import numpy as np

from pyexport.ir import Array

BFLOAT16 = "bfloat16"  # NumPy has no such type: the upper half of a float32
FLOAT16 = "<f2"


def stored_dtype(code: str) -> np.dtype[np.generic]:
    """Return the type in which the elements lie in the file: u16 for a bfloat16."""
    return np.dtype("<u2" if code == BFLOAT16 else code)


def widened(array: Array, code: str) -> Array:
    """Return stored elements as numbers: float16 and bfloat16 as float32, others as they are."""
    if code == BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if code == FLOAT16 else array
