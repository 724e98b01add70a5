"""Changes one value, key or bracket of a JSON text, so that most results still parse."""

from __future__ import annotations

import random
import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[\[\]{}]')
_BEFORE = b",:[{"

VALUES = (
    b"0", b"-1", b"1", b"2", b"8", b"1e999", b"-1e999", b"NaN", b"Infinity", b"0.5", b"1e300",
    b"1e-300", b"9223372036854775807", b"-9223372036854775808", b"18446744073709551616",
    b"1099511627776", b"4294967295", b"16777216", b"16777217", b"131072", b"9" * 4400,
    b"null", b"true", b"false", b'""', b'"x"', b'"\\ud800"', b'"\\u0000"', b'"*/ \\\\ ??/"',
    b'"../../x"', b'"/etc/passwd"', b'"' + b"n" * 600 + b'"', b"[]", b"{}", b"[[]]", b"[0]",
    b"[-1,1]", b"[1,2]", b"[2,1]", b'{"as_int":-1}', b'{"as_int":1099511627776}', b'{"a":{}}',
    b'{"as_none":true}', b'{"as_float":"NaN"}', b'{"as_expr":{"expr_str":"x"}}', b'"AAAA"',
    b"[" * 70 + b"]" * 70, b"[" * 2000,
)  # fmt: skip


def mutate_json(text: bytes, rng: random.Random) -> bytes:
    """Return the text with one token replaced, taken out, repeated or exchanged."""
    if not text:
        return rng.choice(VALUES)
    start, end = _token(text, rng)
    action = rng.randrange(8)
    if action < 4:
        return text[:start] + rng.choice(VALUES) + text[end:]
    if action == 4:  # another token of the text, with its type and its name
        other, stop = _token(text, rng)
        return text[:start] + text[other:stop] + text[end:]
    if action == 5:
        return text[:start] + text[end:]
    other, stop = _token(text, rng)
    if action == 6:  # a stretch twice: keys appear again, lists grow
        low, high = min(start, other), max(end, stop)
        return text[:high] + b"," + text[low : min(high, low + 500)] + text[high:]
    low, high = min(start, other), max(start, other)
    return text[:low] + text[high:]


def _token(text: bytes, rng: random.Random) -> tuple[int, int]:
    """Return where a random token starts and ends."""
    position = rng.randrange(len(text))
    start = max(text.rfind(_BEFORE[i : i + 1], 0, position) for i in range(len(_BEFORE))) + 1
    found = _TOKEN.search(text, start) or _TOKEN.search(text)
    return found.span() if found else (0, len(text))
