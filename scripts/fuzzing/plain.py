"""Changes bytes and lines of text without knowing more about them."""

from __future__ import annotations

import random

_BYTES = (b"\0", b"\xff", b"\x80", b"\x7f", b"\x01", b"\r\n", b"\xef\xbb\xbf", b'"', b"'", b",")
_WORDS = (
    b"nan", b"inf", b"-inf", b"1e999", b"-1", b"1e308", b"0x10", b"1_000", b";", b"\t", b'"a\nb"',
    b"label", b"class", b"targets", b"'", b'""', b"\0", b"9" * 400, b"|O", b"<f8", b">i4", b"<U9",
    b"(3,)", b"(-1, 3)", b"(1099511627776, 3)", b"[('a', '<f8')]", b"True", b"()", b"(" * 200,
)  # fmt: skip
_TOML = (
    b'arch = "3-4r-2"', b'arch = "' + b"9-" * 500 + b'9"', b"arch = 3", b'labels = ["a", "b"]',
    b"labels = [1, 2]", b'labels = ["*/ \\\\ ??/", ""]', b'calibration = "../x"',
    b'calibration = "/dev/zero"', b'calibration = ""', b'calibration = "a\\u0000b"', b"[input]",
    b"[[input]]", b"range = [0, 16]", b"range = [16, 0]", b"range = [nan, inf]",
    b"range = [1e999, 0]",
    b"range = 5", b'unit = "' + b"u" * 200 + b'"', b"unit = 1979-05-27T07:32:00Z",
    b"a = " + b"[" * 1500, b"a" + b".a" * 600 + b" = 1", b"x = 0x" + b"f" * 400, b"unit = '''",
    b'"\\ud800" = 1', b"range = [-0, 0]", b"evaluation = true", b"labels = []",
)  # fmt: skip


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes with a few flipped, put in, taken out or repeated."""
    position = rng.randrange(len(data) + 1)
    action = rng.randrange(5)
    if action == 0:
        return data[:position] + bytes([rng.randrange(256)]) + data[position + 1 :]
    if action == 1:
        return data[:position] + rng.choice(_BYTES) + data[position:]
    if action == 2:
        return data[:position] + data[position + rng.randrange(1, 9) :]
    if action == 3:
        return data[:position] + rng.choice(_WORDS) + data[position + rng.randrange(4) :]
    return data[:position] + data[max(0, position - rng.randrange(1, 33)) :]


def mutate_toml(data: bytes, rng: random.Random) -> bytes:
    """Return the text with one line changed."""
    lines = data.split(b"\n")
    index = rng.randrange(len(lines))
    action = rng.randrange(5)
    if action == 0:
        lines.insert(index, rng.choice(_TOML))
    elif action == 1:
        lines[index] = rng.choice(_TOML)
    elif action == 2:
        del lines[index]
    elif action == 3:
        lines.insert(index, lines[rng.randrange(len(lines))])
    else:
        lines[index] = mutate_bytes(lines[index], rng)
    return b"\n".join(lines)
