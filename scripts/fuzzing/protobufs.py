"""Changes fields of protocol buffers, at any depth, and writes the lengths around them again."""

from __future__ import annotations

import random

from scripts.fuzzing.plain import mutate_bytes
from scripts.hostile_files.protobuf import varint

Field = tuple[int, int, bytes]  # number, wire type, and the content without its length
_WIDTHS = {1: 8, 5: 4}
_NUMBERS = (0, 1, 2, 7, 13, 127, 128, 1 << 31, 1 << 62, (1 << 64) - 1, 5000, 1 << 40)


def mutate_protobuf(data: bytes, rng: random.Random) -> bytes:
    """Return a message with one field changed, dropped, repeated, moved or renumbered."""
    fields = split(data)
    if not fields or rng.randrange(8) == 0:
        return mutate_bytes(data, rng)
    index = rng.randrange(len(fields))
    number, wire, content = fields[index]
    action = rng.randrange(12)
    if action == 0:
        del fields[index]
    elif action == 1:
        fields.insert(index, fields[rng.randrange(len(fields))])
    elif action == 2:
        fields[index], fields[-1] = fields[-1], fields[index]
    elif action == 3:
        fields[index] = (rng.randrange(1, 30), wire, content)
    elif action == 4:
        fields.extend(fields * rng.choice((1, 2, 20)))
    else:
        fields[index] = (number, wire, _changed(wire, content, rng))
    return join(fields)


def _changed(wire: int, content: bytes, rng: random.Random) -> bytes:
    if wire == 0:
        return varint(rng.choice(_NUMBERS))
    if wire != 2:
        return rng.randbytes(_WIDTHS[wire])
    inner = split(content)
    return mutate_protobuf(content, rng) if inner else mutate_bytes(content, rng)


def split(data: bytes) -> list[Field]:
    """Return the fields of a message; none if the bytes are no message."""
    fields: list[Field] = []
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        start = position
        if key & 7 == 0:
            _, position = _varint(data, position)
        elif key & 7 == 2:
            length, start = _varint(data, position)
            position = start + length
        elif key & 7 in _WIDTHS:
            position += _WIDTHS[key & 7]
        else:
            return []
        if key < 8 or position > len(data) or (position == start == len(data) and key & 7 != 2):
            return []
        fields.append((key >> 3, key & 7, data[start:position]))
    return fields


def join(fields: list[Field]) -> bytes:
    """Return the message of these fields."""
    parts = []
    for number, wire, content in fields:
        parts.append(varint(number << 3 | wire))
        parts.append(varint(len(content)) if wire == 2 else b"")
        parts.append(content)
    return b"".join(parts)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for count, byte in enumerate(data[position : position + 10]):
        value |= (byte & 127) << 7 * count
        if byte < 128:
            return value, position + count + 1
    return 0, len(data) + 1
