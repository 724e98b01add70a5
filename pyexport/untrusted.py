"""Files of unknown origin: read within limits, JSON strictly, names made fit for one line."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import NoReturn

from pyexport.errors import FileFormatError

MAX_FILE_BYTES = 512 << 20  # of an export: more than the largest model with all its rows takes
MAX_JSON_DEPTH = 64
_WAY_OUT = "the file is damaged: copy or save it again"
MAX_PRINTED = 120  # characters of a foreign name that an error message repeats


def read_regular(path: Path, limit: int, what: str) -> bytes:
    """Return the content of a regular file of at most `limit` bytes; `what` was expected there.

    Raises FileFormatError. A pipe or a device is refused unopened: it may never end, or block.
    """
    where = printable(path, 300)
    too_large = f"{where}: over the limit of {_size(limit)}; name {what}"
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise FileFormatError(f"{where}: a directory; name {what} in it")
        if not stat.S_ISREG(status.st_mode):
            raise FileFormatError(
                f"{where}: not a regular file but a pipe or a device; name {what}, or copy it to "
                "a file first"
            )
        if status.st_size > limit:
            raise FileFormatError(too_large)
        with path.open("rb") as file:
            data = file.read(limit + 1)  # it may have grown, or lie about its size (/proc)
    except FileNotFoundError:
        raise FileFormatError(f"{where}: the file does not exist; check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise FileFormatError(
            f"{where}: cannot be read ({printable(reason)}); name {what} that you may read"
        ) from None
    if len(data) > limit:
        raise FileFormatError(too_large)
    return data


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count} bytes"


def printable(text: object, limit: int = MAX_PRINTED) -> str:
    """Return text as one line of printable characters, escaped and cut to `limit`."""
    whole = str(text)
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii")
        for c in whole[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[:limit] + "..."


def parse_json(data: bytes | str, where: str) -> object:
    """Return the value of a JSON text; refuses NaN, overflow, duplicate keys, and deep nesting."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value: object = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise FileFormatError(f"{where}: the JSON is nested too deeply; {_WAY_OUT}") from None
    except ValueError as error:  # also UnicodeDecodeError and json.JSONDecodeError
        raise FileFormatError(f"{where}: not valid JSON ({printable(error)}); {_WAY_OUT}") from None
    if _deeper_than(value, MAX_JSON_DEPTH):
        raise FileFormatError(
            f"{where}: the JSON is nested deeper than {MAX_JSON_DEPTH} levels; {_WAY_OUT}"
        )
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large for a number")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {double!r} appears twice")
    return result


def _deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return False
        level = below
    return True
