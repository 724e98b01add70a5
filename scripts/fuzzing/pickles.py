"""Changes pickles by whole opcodes, so that most results still run to their end."""

from __future__ import annotations

import pickletools
import random
from functools import lru_cache

SNIPPETS = (
    b"(", b"0", b"1", b"2", b"N", b")", b"]", b"}", b"\x8f", b"t", b"\x85", b"\x86", b"\x87", b"l",
    b"d", b"R", b"\x81", b"\x92", b"b", b"o", b"a", b"e", b"s", b"u", b"\x90", b"\x91", b"\x93",
    b"\x94", b"q\0", b"h\0", b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"p5\n", b"g5\n", b"Q",
    b"Pid\n", b"cos\nsystem\n", b"(ios\nsystem\n", b"cbuiltins\neval\n",
    b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch\nFloatStorage\n", b"ctorch\nHalfStorage\n", b"ctorch\nSize\n", b"cbuiltins\nset\n",
    b"ctorch.nn.modules.linear\nLinear\n", b"ctorch.nn.modules.container\nSequential\n",
    b"\x82\x01", b"\x83\x01\0", b"\x84\x01\0\0\0", b"K\x00", b"K\xff", b"J\xff\xff\xff\xff",
    b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x8b\x10\0\0\0" + b"\x7f" * 16, b"G\x7f\xf0" + bytes(6),
    b"G\x7f\xf8" + bytes(6), b"X\x01\0\0\0a", b"X\xff\xff\xff\x7f", b"U\x04cpu0", b"S'x'\n",
    b"C\x02ab", b"B\xff\xff\xff\x7f", b"\x8d" + b"\xff" * 8, b"\x96" + b"\x01" + bytes(7) + b"z",
    b"\x97", b"\x98", b"\x80\x05", b"\x95\x04" + bytes(7), b"I1\n", b"L9999999999999L\n",
    b"F1e999\n", b"I01\n", b"\x88", b"\x89", b".", b"(" * 300, b")R", b"}b", b"h\0h\0\x86",
)  # fmt: skip


@lru_cache(maxsize=512)
def _starts(data: bytes) -> tuple[int, ...]:
    """Return where the opcodes start, up to the first that is none."""
    starts: list[int] = []
    try:
        for _, _, position in pickletools.genops(data):
            starts.append(position or 0)
    except Exception:  # as damaged as it may be: what was found so far serves
        pass
    return (*starts, len(data))


def mutate_pickle(data: bytes, rng: random.Random) -> bytes:
    """Return the pickle with an opcode put in, taken out, replaced, repeated or moved."""
    starts = _starts(data)
    index = rng.randrange(len(starts))
    start = starts[index]
    end = starts[min(index + 1, len(starts) - 1)]
    action = rng.randrange(6)
    if action == 0:
        return data[:start] + data[end:]
    if action == 1:
        return data[:start] + rng.choice(SNIPPETS) + data[end:]
    if action == 2:
        return data[:start] + rng.choice(SNIPPETS) + data[start:]
    if action == 3:
        last = starts[min(index + rng.randrange(1, 30), len(starts) - 1)]
        return data[:last] + data[start:last] + data[last:]
    if action == 4:
        other = rng.randrange(len(starts))
        stretch = data[starts[other] : starts[min(other + 1, len(starts) - 1)]]
        return data[:start] + stretch + data[end:]
    if end - start > 1:  # a byte of the argument
        position = rng.randrange(start + 1, end)
        return data[:position] + bytes([rng.randrange(256)]) + data[position + 1 :]
    return data[:start] + rng.choice(SNIPPETS) * rng.randrange(1, 4) + data[end:]
