"""Reads calibration and evaluation data: .npz, .npy, .csv and IDX files, recognized by content."""

from __future__ import annotations

import csv
import io
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyexport.errors import CalibrationError, FileFormatError
from pyexport.frontends.archive import Archive
from pyexport.frontends.sniff import identify
from pyexport.ir import Array, Dataset, FloatArray
from pyexport.untrusted import (
    FREE_DATA_BYTES,
    MAX_DATA_BYTES,
    MAX_DATA_EXPANSION,
    MAX_ELEMENTS,
    MAX_RANK,
    printable,
    read_regular,
)

INPUT_KEYS = ("inputs", "x", "X", "data")
TARGET_KEYS = ("targets", "labels", "y", "target", "label", "class")

_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_samples(
    path: str | Path,
    input_shape: tuple[int, ...],
    what: str = "calibration",
    values: int | None = None,
) -> Dataset:
    """Return rows of real inputs (n, *input_shape), with targets where the file has them.

    Targets are class indices, or `values` real numbers a row.

    .npz: `inputs` (or x, X, data, or the only array) and optionally `targets` (labels, y);
    .npy and IDX (.idx, .gz): inputs; .csv: a column an element, and optionally, under a header,
    a column named target, label, class or y. Raises CalibrationError in one line.
    """
    data, where = sample_bytes(Path(path), what)
    return parse_samples(data, input_shape, where, values)


def sample_bytes(path: Path, what: str) -> tuple[bytes, str]:
    """Return the bytes of a sample file, and how messages name it."""
    try:
        data = read_regular(path, MAX_DATA_BYTES, f"a .npz, .npy, .csv or IDX file of {what} data")
    except FileFormatError as error:
        raise CalibrationError(str(error)) from None
    return data, f"{printable(path)}: {what} data"


def parse_samples(
    data: bytes, input_shape: tuple[int, ...], where: str, values: int | None = None
) -> Dataset:
    """Return the rows in the bytes of a sample file; raises CalibrationError in one line."""
    try:
        if not data:
            raise CalibrationError(f"{where}: the file is empty")
        if data.startswith(b"\x1f\x8b"):
            data = _gunzip(data, where)
        if data.startswith(b"PK"):
            inputs, targets = _read_npz(data, where)
        elif data.startswith(b"\x93NUMPY"):
            inputs, targets = read_npy(data, where), None
        elif data[:2] == b"\0\0" and len(data) > 4 and data[2] in _IDX_TYPES:
            inputs, targets = _read_idx(data, where), None
        else:
            inputs, targets = _read_csv(data, math.prod(input_shape), where)
    except FileFormatError as error:  # of the archive in it
        raise CalibrationError(str(error)) from None
    return as_dataset(inputs, targets, input_shape, where, values)


def as_dataset(
    inputs: npt.ArrayLike,
    targets: npt.ArrayLike | None,
    input_shape: tuple[int, ...],
    where: str,
    values: int | None = None,
) -> Dataset:
    """Return checked rows: (n, *input_shape) or any shape with as many elements a row.

    Targets are class indices (n,); with `values` they are real numbers (n, values).
    """
    try:
        array = np.asarray(inputs)
    except ValueError:
        raise CalibrationError(f"{where} have rows of different lengths") from None
    if array.dtype.kind not in "buif":
        raise CalibrationError(f"{where} are not numbers (dtype {array.dtype})")
    if array.shape == input_shape:
        array = array[np.newaxis]
    size = math.prod(input_shape)
    if array.ndim < 2 or math.prod(array.shape[1:]) != size:
        raise CalibrationError(
            f"{where} have shape {printable(array.shape)}; the model takes (n, "
            f"{', '.join(map(str, input_shape))})"
        )
    if len(array) == 0:
        raise CalibrationError(f"{where} have no rows")
    with np.errstate(invalid="ignore"):  # of signaling NaN, which is refused right below
        rows: FloatArray = array.reshape(len(array), *input_shape).astype(np.float64)
    bad = int(rows.size - np.isfinite(rows).sum())
    if bad:
        raise CalibrationError(f"{where} have {bad} NaN or infinite value{'s' if bad > 1 else ''}")
    if targets is None:
        return Dataset(rows)
    if values is not None:
        return Dataset(rows, _as_values(targets, (len(rows), values), where))
    return Dataset(rows, _as_targets(targets, len(rows), where))


def _as_values(targets: npt.ArrayLike, shape: tuple[int, int], where: str) -> FloatArray:
    """Return the real targets of a regression."""
    array = np.asarray(targets)
    if array.shape != shape and array.shape != (shape[:1] if shape[1] == 1 else shape):
        raise CalibrationError(
            f"{where} have {shape[0]} rows and targets of shape {array.shape}; a regression has "
            f"{shape[1]} a row"
        )
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise CalibrationError(f"{where}: targets must be finite numbers")
    return array.reshape(shape).astype(np.float64)


def _as_targets(targets: npt.ArrayLike, rows: int, where: str) -> npt.NDArray[np.int64]:
    array = np.asarray(targets)
    if array.shape == (rows, 1):
        array = array.reshape(-1)
    if array.shape != (rows,):
        raise CalibrationError(
            f"{where} have {rows} rows and targets of shape {printable(array.shape)}"
        )
    if array.dtype.kind not in "buif" or (array != np.floor(array)).any() or (array < 0).any():
        raise CalibrationError(
            f"{where}: targets must be class numbers 0, 1, 2, ...; real values take the task "
            "regression (output.task)"
        )
    if (array >= MAX_ELEMENTS).any():
        raise CalibrationError(f"{where}: class {printable(array.max(), 30)} is no class number")
    return array.astype(np.int64)


def check_range(dataset: Dataset, limits: tuple[float, float] | None, where: str) -> None:
    """Raise CalibrationError if a sample lies outside the declared input range."""
    if limits is None:
        return
    low, high = float(dataset.inputs.min()), float(dataset.inputs.max())
    if low < limits[0] or high > limits[1]:
        raise CalibrationError(
            f"{where} reach from {low:.9g} to {high:.9g}, outside the declared input range "
            f"{limits[0]:.9g} to {limits[1]:.9g}; correct the data or input_range"
        )


def read_npy(data: bytes, where: str) -> Array:
    """Return the array of a .npy file; objects and structures are refused, nothing is unpickled."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise CalibrationError(f"{where} are of an unknown .npy version {version}")
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = header(stream)
    except CalibrationError:
        raise
    except Exception:  # the header is a Python literal; NumPy raises many kinds on a damaged one
        raise CalibrationError(f"{where} are a damaged .npy file") from None
    if dtype.kind not in "buif":
        raise CalibrationError(f"{where} are not numbers (dtype {printable(dtype, 40)})")
    if not all(type(n) is int and n >= 0 for n in shape):  # True is an int to NumPy's reader
        raise CalibrationError(f"{where} are a damaged .npy file")
    count = math.prod(shape)
    offset = stream.tell()
    if count * dtype.itemsize > len(data) - offset:
        raise CalibrationError(f"{where} are a truncated .npy file")
    flat = np.frombuffer(data, dtype, count, offset)
    return flat.reshape(shape, order="F" if fortran else "C")


def _gunzip(data: bytes, where: str) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    limit = unpacked_limit(data)
    try:
        plain = stream.decompress(data, limit)
    except zlib.error:
        raise CalibrationError(f"{where} are a damaged gzip file") from None
    if not stream.eof:
        raise CalibrationError(
            f"{where} are truncated or unpack to over {limit >> 20} MiB; store them unpacked"
        )
    return plain


def unpacked_limit(data: bytes) -> int:
    """Return how many bytes a packed file may unpack to: rows take 8 times as many as floats."""
    return min(MAX_DATA_BYTES, FREE_DATA_BYTES + MAX_DATA_EXPANSION * len(data))


def _read_npz(data: bytes, where: str) -> tuple[Array, Array | None]:
    archive = Archive(data, where, unpacked_limit(data))
    members = {n.removesuffix(".npy"): n for n in archive.names if n.endswith(".npy")}
    targets = next((members[k] for k in TARGET_KEYS if k in members), None)
    inputs = next((members[k] for k in INPUT_KEYS if k in members), None)
    others = [n for n in members.values() if n != targets]
    if inputs is None and len(others) == 1:
        inputs = others[0]
    if inputs is None:
        if not members:
            what = identify(data, where).what or "a torch.export archive, a model"
            raise CalibrationError(
                f"{where}: this is {what}, not data; name a .npz, .npy, .csv or IDX file"
            )
        held = ", ".join(printable(k, 30) for k in list(members)[:6])
        raise CalibrationError(f"{where} hold {held}; name the array `inputs`")
    return (
        read_npy(archive.read(inputs), where),
        read_npy(archive.read(targets), where) if targets else None,
    )


def _read_idx(data: bytes, where: str) -> Array:
    dtype, rank = np.dtype(_IDX_TYPES[data[2]]), data[3]
    start = 4 + 4 * rank
    if len(data) < start:
        raise CalibrationError(f"{where} are a truncated IDX file")
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank))
    if rank > MAX_RANK or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise CalibrationError(
            f"{where} are an IDX file whose size is not that of shape {printable(shape)}"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape)


def _read_csv(data: bytes, columns: int, where: str) -> tuple[FloatArray, FloatArray | None]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalibrationError(f"{where} are not .npz, .npy, .csv or IDX") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if r]
    except csv.Error as error:
        raise CalibrationError(f"{where} are not a valid CSV ({printable(error)})") from None
    if not rows:
        raise CalibrationError(f"{where} have no rows")
    header = [] if all(_is_number(cell) for cell in rows[0]) else rows.pop(0)
    names = [cell.strip().lower() for cell in header]
    label = next((names.index(k) for k in TARGET_KEYS if k in names), None)
    width = columns + (label is not None)
    values = [
        _csv_row(row, width, columns, bool(header), i, where) for i, row in enumerate(rows, 1)
    ]
    if header and len(header) != width:
        raise CalibrationError(
            f"{where}: the header names {len(header)} columns, the rows have {width}"
        )
    table = np.array(values, dtype=np.float64).reshape(len(values), width)
    if label is None:
        return table, None
    return np.delete(table, label, axis=1), table[:, label]


def _csv_row(
    row: list[str], width: int, columns: int, header: bool, number: int, where: str
) -> list[float]:
    if len(row) != width:
        hint = ""
        if len(row) == columns + 1 and width == columns:
            action = "call" if header else "add a header row that calls"
            hint = f"; if one holds the class, {action} it `label`"
        raise CalibrationError(
            f"{where}: row {number} has {len(row)} columns, the model takes {columns}{hint}"
        )
    for column, cell in enumerate(row, 1):
        if not _is_number(cell):
            raise CalibrationError(
                f"{where}: row {number}, column {column} is {printable(cell, 30)!r}, not a number"
            )
    return [float(cell) for cell in row]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
