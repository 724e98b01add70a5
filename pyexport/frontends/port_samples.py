"""Reads rows of several inputs: one array for each in a .npz file, or all values side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyexport.errors import CalibrationError, FileFormatError
from pyexport.frontends.archive import Archive
from pyexport.frontends.samples import (
    TARGET_KEYS,
    as_dataset,
    parse_samples,
    read_npy,
    sample_bytes,
    unpacked_limit,
)
from pyexport.ir import Array, Dataset
from pyexport.untrusted import printable


@dataclass(frozen=True)
class InputPort:
    """An input: what a file may call it, and the shape of the user's arrays without the batch."""

    names: tuple[str, ...]  # the model's own first
    shape: tuple[int, ...]


def read_port_samples(
    path: Path, ports: Sequence[InputPort], kind: str, values: int | None = None
) -> Dataset:
    """Return checked rows of a model's inputs; of several, flat rows of all values in order.

    A .npz file holds an array for each input, called after it; other files hold rows of all values.
    `values` as for as_dataset. Raises CalibrationError in one line.
    """
    data, where = sample_bytes(path, kind)
    if len(ports) == 1:
        return parse_samples(data, ports[0].shape, where, values)
    if not data.startswith(b"PK"):
        size = sum(math.prod(port.shape) for port in ports)
        return parse_samples(data, (size,), where, values)
    try:
        return _from_archive(data, ports, where, values)
    except FileFormatError as error:
        raise CalibrationError(str(error)) from None


def _from_archive(
    data: bytes, ports: Sequence[InputPort], where: str, values: int | None
) -> Dataset:
    archive = Archive(data, where, unpacked_limit(data))
    members = {n.removesuffix(".npy"): n for n in archive.names if n.endswith(".npy")}
    found = {}
    for port in ports:
        key = next((name for name in port.names if name in members), None)
        if key is None:
            held = ", ".join(printable(k, 30) for k in list(members)[:6]) or "no arrays"
            raise CalibrationError(
                f"{where} hold {held}; name an array `{printable(port.names[0])}`, as the input"
            )
        found[port.names[0]] = read_npy(archive.read(members[key]), where)
    taken = {name for port in ports for name in port.names}
    target = next((members[k] for k in TARGET_KEYS if k in members and k not in taken), None)
    targets = read_npy(archive.read(target), where) if target else None
    return join_samples(found, ports, where, targets, values)


def join_samples(
    arrays: Mapping[str, object],
    ports: Sequence[InputPort],
    where: str,
    targets: Array | None = None,
    values: int | None = None,
) -> Dataset:
    """Return the rows of several inputs, by any of their names, as flat rows of all values."""
    parts, known = [], {name for port in ports for name in port.names}
    for name in arrays:
        if name not in known:
            raise CalibrationError(
                f"{where}: no input is called {printable(name, 40)}; there are "
                f"{', '.join(printable(port.names[0]) for port in ports)}"
            )
    for port in ports:
        given = next((arrays[name] for name in port.names if name in arrays), None)
        title = printable(port.names[0])
        if given is None:
            raise CalibrationError(f"{where}: there are no rows of the input {title}")
        rows = as_dataset(given, None, port.shape, f"{where}, {title},").inputs  # type: ignore[arg-type]
        parts.append(rows.reshape(len(rows), math.prod(port.shape)))
    counts = sorted({len(part) for part in parts})
    if len(counts) > 1:
        raise CalibrationError(
            f"{where}: the inputs have {' and '.join(map(str, counts))} rows; give all the same"
        )
    flat = np.concatenate(parts, axis=1)
    return as_dataset(flat, targets, flat.shape[1:], where, values)
