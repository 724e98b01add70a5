"""Takes small zip archives apart and puts them together again, sums included, in microseconds."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")

Member = tuple[bytes, bytes]  # name, content
ContentMutator = Callable[[bytes, bytes, random.Random], bytes]  # of (name, content)

NAMES = (
    b"../../evil", b"/etc/evil", b"C:\\evil", b"", b"n" * 600, b"a\x00b", b"\xff\xfe", b"model/",
    b"model/models/second.json", b"other/archive_format", b"data.pkl", b"archive/data/9",
    b"model/extra/pyexport.json", b"inputs.npy", b"targets.npy",
)  # fmt: skip


@lru_cache(maxsize=512)
def split(data: bytes) -> tuple[Member, ...]:
    """Return the members of an archive in order, those before the first that is not plain."""
    members, position = [], 0
    while data[position : position + 4] == b"PK\x03\x04" and position + 30 <= len(data):
        fields = _LOCAL.unpack_from(data, position)
        method, packed, name, extra = fields[3], fields[7], fields[9], fields[10]
        start = position + 30 + name + extra
        content = data[start : start + packed]
        if method == 8:
            try:
                content = zlib.decompressobj(-15).decompress(content, 1 << 16)
            except zlib.error:
                break
        members.append((data[position + 30 : position + 30 + name], content))
        position = start + packed
    return tuple(members)


def join(members: list[Member], packed: int = -1) -> bytes:
    """Return an archive of stored members; the one with the index `packed` is deflated."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    position = 0
    for index, (name, content) in enumerate(members):
        crc, size, method, stored = zlib.crc32(content), len(content), 0, content
        if index == packed:
            squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
            method, stored = 8, squeeze.compress(content) + squeeze.flush()
        sizes = crc, len(stored), size, len(name)
        parts += [_LOCAL.pack(b"PK\x03\x04", 20, 0, method, 0, 33, *sizes, 0), name, stored]
        entry = _CENTRAL.pack(
            b"PK\x01\x02", 20, 20, 0, method, 0, 33, *sizes, 0, 0, 0, 0, 0, position
        )
        directory += [entry, name]
        position += 30 + len(name) + len(stored)
    whole = b"".join(directory)
    count = len(members)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(whole), position, 0)
    return b"".join(parts) + whole + end


def mutate_zip(data: bytes, rng: random.Random, content: ContentMutator) -> bytes:
    """Return the archive with one member changed, or its list of members."""
    members = list(split(data))
    if not members:
        return data
    index = rng.randrange(len(members))
    name, old = members[index]
    action = rng.randrange(16)
    packed = -1
    if action < 11:
        for _ in range(8):  # small members are mostly marks that must stay as they are
            if len(old) > 8:
                break
            index = rng.randrange(len(members))
            name, old = members[index]
        members[index] = name, content(name, old, rng)
    elif action == 11:
        del members[index]
    elif action == 12:
        members[index] = rng.choice(NAMES), old
    elif action == 13:
        members.append((rng.choice((name, *NAMES)), old))
    elif action == 14:
        other = rng.randrange(len(members))
        members[index], members[other] = (name, members[other][1]), (members[other][0], old)
    else:
        packed = index
    return join(members, packed)
