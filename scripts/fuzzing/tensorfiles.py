"""Changes files in the safetensors layout: the JSON header, the JSON in it, or the buffers."""

from __future__ import annotations

import json
import random
from functools import lru_cache
from typing import Any

from scripts.fuzzing.json_text import mutate_json

_FLOATS = (
    b"\0\0\x80\x7f", b"\0\0\xc0\x7f", bytes(6) + b"\xf0\x7f", bytes(6) + b"\xf8\x7f",
    b"\xff\xff\x7f\x7f", b"\xff" * 6 + b"\xef\x7f", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01",
    bytes(4), bytes(8), b"\xff" * 8,
)  # fmt: skip


@lru_cache(maxsize=512)
def _parts(data: bytes) -> tuple[bytes, bytes]:
    """Return (header, buffers)."""
    length = min(int.from_bytes(data[:8], "little"), len(data))
    return data[8 : 8 + length], data[8 + length :]


@lru_cache(maxsize=512)
def _document(header: bytes) -> dict[str, Any]:
    try:
        document = json.loads(header)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def mutate_tensorfile(data: bytes, rng: random.Random) -> bytes:
    """Return the file with one of its parts changed and the length of its header right."""
    header, body = _parts(data)
    document = _document(header)
    metadata = document.get("__metadata__")
    action = rng.randrange(8)
    if action < 4 and isinstance(metadata, dict) and metadata:
        key = rng.choice(list(metadata))
        if isinstance(metadata[key], str):
            text = mutate_json(metadata[key].encode("utf-8", "replace"), rng)
            changed = document | {"__metadata__": metadata | {key: text.decode("utf-8", "replace")}}
            return _joined(json.dumps(changed).encode(), body)
    if action == 4:
        return _joined(header, mutate_floats(body, rng))
    if action == 5 and len(document) > 1:
        return _joined(json.dumps(_consistent(document, rng)).encode(), body)
    return _joined(mutate_json(header, rng), body)


def mutate_floats(body: bytes, rng: random.Random) -> bytes:
    """Return buffers with one value set to a special one."""
    value = rng.choice(_FLOATS)
    position = rng.randrange(len(body) + 1) & ~3
    return body[:position] + value + body[position + len(value) :]


def _consistent(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a header whose tensor has another shape or type that needs as many bytes."""
    name = rng.choice([key for key in document if key != "__metadata__"])
    entry = document[name]
    if not isinstance(entry, dict) or not isinstance(entry.get("shape"), list):
        return document
    shape = list(entry["shape"])
    changes: tuple[dict[str, Any], ...] = (
        {"shape": shape[::-1]},
        {"shape": [1, *shape]},
        {"shape": [*shape, 1]},
        {"dtype": rng.choice(("F64", "I64", "U64", "F32", "I32", "U32", "F16", "BF16"))},
        {"dtype": rng.choice(("I16", "U16", "I8", "U8", "BOOL"))},
    )
    return document | {name: entry | rng.choice(changes)}


def _joined(header: bytes, body: bytes) -> bytes:
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + body
