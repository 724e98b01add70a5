"""Files of unknown origin: read within limits, JSON strictly, names made fit for one line."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import NoReturn

from pyexport.errors import FileFormatError

# The limits of all readers, in one place. Together they keep a file from making an export grow by
# more than about 64 MiB beyond a small multiple of the file's own size.
MAX_FILE_BYTES = 512 << 20  # of an export: more than the largest model with all its rows takes
MAX_MODEL_BYTES = 256 << 20  # of a model file
MAX_DATA_BYTES = 512 << 20  # of a file of rows, packed and unpacked ...
FREE_DATA_BYTES = 4 << 20  # ... which may unpack to at most this ...
MAX_DATA_EXPANSION = 16  # ... and this times its size

MAX_JSON_DEPTH = 64
MAX_JSON_VALUES = 200_000  # a network of 100 layers takes 10,000
MAX_WIDE_JSON_BYTES = 1 << 20  # of one with letters beyond ASCII, which take 4 bytes each

MAX_MEMBERS = 2_000  # of a zip archive
MAX_NAME_BYTES = 512
MAX_TOTAL_BYTES = 64 << 20  # of a model, unpacked: more than any for a microcontroller ...
FREE_BYTES = 16 << 20  # ... and at most this ...
MAX_EXPANSION = 4  # ... and this times the size of the file
MAX_RATIO = 200  # unpacked / packed of one member ...
RATIO_FREE_BYTES = 1 << 20  # ... unless it unpacks to less than this

MAX_ELEMENTS = 1 << 24  # of one tensor; a stride of 0 can claim any number
MAX_RANK = 8
MAX_STORED_RANK = 32  # of a tensor in the safetensors layout
MAX_REUSE = 2  # bytes of all tensors / bytes of the archive ...
REUSE_FREE_BYTES = 1 << 20  # ... beyond this: expanded and shared tensors
MAX_FOLDED = 1 << 22  # numbers that arithmetic of constants makes, in all
MAX_WIDTH = 1 << 17  # elements between two layers: 128 KiB as bytes on the device
MAX_LAYERS = 200  # of a scratch checkpoint
MAX_NODES = 5_000  # of an ONNX graph; also initializers, and a few times as many other names
MAX_FIELDS = 200_000  # of an ONNX file; PyTorch writes about 30 a node
MAX_VARINTS = 1 << 18  # bytes of packed integers in it, each of which takes 8
MAX_NIR_FIELDS = 40  # of a node of a NIR file; its largest has 8
MAX_NIR_NAME = 1000  # letters of such a node
MAX_TEXT = 100  # characters of a label, a unit, a producer in one
MAX_NOTE = 500  # characters of a text about where a model came from
MAX_SIZE = 1 << 24  # of a layer, as a checkpoint or a pickled module states it
MAX_COUNT = 1 << 48  # a size, stride or offset in a tensor's header
MAX_NESTING = 32  # Sequentials in Sequentials
MAX_HEADER_BYTES = 100_000_000  # of the safetensors layout
MAX_SIDECAR_BYTES = 64 << 10  # of a model.toml
SNIFFED_HEADER_BYTES = 64 << 10  # of a C header, searched for its identity
SNIFFED_FIELDS = 1_000  # of an ONNX file before its graph; a writer puts about ten there

MAX_PICKLE_BYTES = 8 << 20  # that are scanned for what a pickle would import
MAX_PICKLE_OPCODES = 200_000

_WAY_OUT = "the file is damaged: copy or save it again"
MAX_LISTED = 200  # layers, tensors or reasons that `inspect` lists of one file
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
        raw = data.encode("utf-8") if isinstance(data, str) else data
        if len(raw) > MAX_WIDE_JSON_BYTES and not raw.isascii():
            raise ValueError("a long text with characters beyond ASCII; write them as \\u escapes")
        if sum(map(raw.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
            raise ValueError(f"more than {MAX_JSON_VALUES} values")
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
        for key, _ in pairs:
            if key not in result:
                raise ValueError(f"key {key!r} appears twice")
            del result[key]
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
