"""Reads samples from files: IDX (also gzipped), CSV, and the 8x8 digits in CSV."""

from __future__ import annotations

import csv
import io
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

from pyexport.errors import FileFormatError
from pyexport.scratch.data import Samples
from pyexport.untrusted import printable

MAX_BYTES = 512 << 20  # of one file, unpacked
TARGET_NAMES = ("target", "label", "class", "y")
_AGAIN = "download or copy it again"
_NO_ROWS = "the file has no rows; give one sample a line"
_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTES = 8  # the IDX code of the only type that is read


def read_idx(path: str | Path, limit: int | None = None) -> tuple[tuple[int, ...], list[bytes]]:
    """Return (shape of one item, items) of an IDX file of unsigned bytes, gzipped or not.

    limit: read only the first items, which saves unpacking the rest. Labels are items of shape ().
    """
    path = Path(path)
    where = printable(path, 300)
    raw = _read(path)
    head = _unpack(raw, where, 4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] != _UNSIGNED_BYTES or not 1 <= head[3] <= 4:
        raise FileFormatError(
            f"{where}: not an IDX file of unsigned bytes; give one as MNIST has it, gzipped or not"
        )
    start = 4 + 4 * head[3]
    head = _unpack(raw, where, start)
    if len(head) < start:
        raise FileFormatError(
            f"{where}: the file ends inside its IDX header; it is truncated: {_AGAIN}"
        )
    count, *sizes = (int.from_bytes(head[i : i + 4], "big") for i in range(4, start, 4))
    wanted = count if limit is None else min(count, max(limit, 0))
    item = math.prod(sizes)
    total = start + count * item
    if not item or total > MAX_BYTES:
        raise FileFormatError(
            f"{where}: claims {total} bytes; 1 to {MAX_BYTES >> 20} MiB are read: {_AGAIN}, or give"
            " fewer items"
        )
    # One byte more than there should be shows a file that is too long.
    body = _unpack(raw, where, start + wanted * item + (wanted == count))
    if len(body) != start + wanted * item:
        problem = "shorter" if len(body) < start + wanted * item else "longer"
        raise FileFormatError(
            f"{where}: the file is {problem} than its {count} items of {item}: {_AGAIN}"
        )
    return tuple(sizes), [body[i : i + item] for i in range(start, len(body), item)]


def read_csv(path: str | Path, label: int | str | None = None) -> Samples:
    """Return the rows of a CSV file (comma, semicolon or tab; also gzipped) with their classes.

    label: the column with the class number, by name or by place (-1 is the last). Left out, it is
    the column called target, label, class or y.
    """
    path = Path(path)
    where = printable(path, 300)
    rows = _csv_rows(_unpack(_read(path), where, MAX_BYTES), where)
    header = [] if all(_number(cell) is not None for cell in rows[0]) else rows.pop(0)
    column = _label_column(header, label, len(rows[0]) if rows else 0, where)
    inputs: list[Sequence[float]] = []
    targets: list[int] = []
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise FileFormatError(
                f"{where}: row {number} has {len(row)} columns, the first one {len(rows[0])};"
                " correct the file"
            )
        values: list[float] = []
        for place, cell in enumerate(row, 1):
            value = _number(cell)
            if value is None or not math.isfinite(value):
                shown = printable(cell, 30)
                raise FileFormatError(
                    f"{where}: row {number}, column {place} is {shown!r}, not a finite number;"
                    " correct the file"
                )
            values.append(value)
        target = values.pop(column)
        if target < 0 or target != int(target):
            raise FileFormatError(
                f"{where}: row {number} has class {target:.9g}; classes are 0, 1, 2, ...: name"
                " another column by label=, or number them so"
            )
        inputs.append(values)
        targets.append(int(target))
    if not inputs:
        raise FileFormatError(f"{where}: {_NO_ROWS}")
    return Samples(inputs, targets)


def read_digits(path: str | Path) -> Samples:
    """Return the 8x8 digits: rows of 64 bytes 0..16 and the classes 0..9.

    The file is a CSV without a header, 64 pixels and the class a row, as the UCI repository and
    scikit-learn (digits.csv.gz) have it.
    """
    samples = read_csv(path, -1)
    where = printable(path, 300)
    images: list[bytes] = []
    for number, (row, target) in enumerate(samples, 1):
        if len(row) != 64 or not all(0 <= v <= 16 and v == int(v) for v in row) or target > 9:
            raise FileFormatError(
                f"{where}: row {number} is not 64 pixels 0..16 and a class 0..9; give the digits of"
                " scikit-learn or UCI"
            )
        images.append(bytes(int(value) for value in row))
    return Samples(images, samples.targets)


def _label_column(header: list[str], label: int | str | None, columns: int, where: str) -> int:
    names = [cell.strip().lower() for cell in header]
    if isinstance(label, int):
        if not -columns <= label < columns:
            raise FileFormatError(
                f"{where}: there is no column {label} in {columns} columns; -1 is the last"
            )
        return label
    wanted = TARGET_NAMES if label is None else (label.strip().lower(),)
    for name in wanted:
        if name in names:
            return names.index(name)
    raise FileFormatError(
        f"{where}: no column is called {' or '.join(wanted)}; say which one holds the class, "
        "e.g. label=-1 for the last"
    )


def _csv_rows(data: bytes, where: str) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
        rows = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if r]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(
            f"{where}: not a CSV file ({printable(error)}); save it as CSV in UTF-8"
        ) from None
    if not rows:
        raise FileFormatError(f"{where}: {_NO_ROWS}")
    return rows


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _read(path: Path) -> bytes:
    where = printable(path, 300)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileFormatError(
                f"{where}: over the limit of {MAX_BYTES >> 20} MiB; give a part of it"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormatError(
            f"{where}: cannot be read ({printable(reason)}); name a file that you may read"
        ) from None


def _unpack(data: bytes, where: str, limit: int) -> bytes:
    """Return at most `limit` bytes of the content; a gzip file that ends too soon is refused."""
    if not data.startswith(_GZIP):
        return data[:limit]
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(data, limit)
    except zlib.error as error:
        raise FileFormatError(
            f"{where}: a damaged gzip file ({printable(error)}): {_AGAIN}"
        ) from None
    if len(plain) < limit and not stream.eof:
        raise FileFormatError(f"{where}: the gzip file is truncated: {_AGAIN}")
    return plain
