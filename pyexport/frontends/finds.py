"""Reads what a hunt or an attack found: rows of the device's integers, out of its .npz file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from pyexport.errors import CalibrationError, UsageError
from pyexport.frontends.archive import Archive
from pyexport.frontends.samples import read_npy, sample_bytes, unpacked_limit
from pyexport.ir import Array


def read_finds(path: Path) -> Array:
    """Return the rows (n, size) of NAME-hunt.npz or NAME-attack.npz, those near a start first.

    Of an attack only the successes. Raises UsageError for another file.
    """
    arrays = read_arrays(path, ("rows", "small_rows", "succeeded"))
    rows = arrays.get("rows")
    if rows is None or rows.ndim != 2 or rows.dtype.kind not in "uif":
        raise UsageError(f"{path}: it holds no found rows; name what hunt or attack wrote, a .npz")
    near, succeeded = arrays.get("small_rows", rows[:0]), arrays.get("succeeded")
    if succeeded is not None and succeeded.shape == rows.shape[:1]:
        rows = rows[succeeded.astype(bool)]
    if near.shape[1:] != rows.shape[1:] or near.dtype != rows.dtype:
        raise UsageError(f"{path}: its rows and small_rows do not fit each other")
    found = np.concatenate([near, rows])
    if not len(found):
        raise UsageError(f"{path}: nothing was found there, so the self-test gains nothing")
    return found


def read_arrays(path: Path, names: Collection[str]) -> dict[str, Array]:
    """Return those of the named arrays that a .npz file holds; raises UsageError for another."""
    try:
        data, where = sample_bytes(path, "found")
        archive = Archive(data, where, unpacked_limit(data))
        return {
            name: read_npy(archive.read(f"{name}.npy"), where)
            for name in names
            if f"{name}.npy" in archive.names
        }
    except CalibrationError as error:
        raise UsageError(str(error)) from None
