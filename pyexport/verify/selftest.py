"""Whether a header's self-test can fail: it must refuse headers with one number changed."""

from __future__ import annotations

import re
import tempfile
import zlib
from pathlib import Path

import numpy as np

from pyexport.codegen.text import c_float
from pyexport.errors import CheckFailedError
from pyexport.rows import is_single, output_tensors
from pyexport.runners import Finding, available, open_runner
from pyexport.verify.subject import Subject, uses_own_templates

NAME = "self-test can fail"


class _NoPlaceError(Exception):
    """The header's text does not hold what was to be changed."""


def selftest_finding(
    subject: Subject, targets: tuple[str, ...], compiler: str | None, optimize: str | None
) -> Finding:
    """Return whether the self-test refuses a changed table, a changed output and a changed CRC.

    It runs on this computer, or where the header was specialized for a target, on that: the text
    of the self-test is the same everywhere. The changed output is the last of the last vector, and
    the CRC is made to fit it, so that only the comparison of outputs can notice.
    """
    name = subject.artifact.target or "host"
    if available(name) is not None:
        name = targets[0]
    if name not in targets:
        compiler = optimize = None
    text = subject.header.read_text(encoding="utf-8")
    try:
        tables = subject.program.consts  # a model that only compares or multiplies has none
        variants = {"a table": _with_table_changed(text, subject)} if tables else {}
        variants |= {
            "the last stored output": _with_output_changed(text, subject),
            "the CRC": _with_crc_changed(text, subject.artifact.name, 1),
        }
    except _NoPlaceError as error:
        own = uses_own_templates(subject.artifact)
        return Finding(NAME, own, f"not tried: the header has no {error}")
    passed = []
    with tempfile.TemporaryDirectory(prefix="pyexport-") as folder:
        header = Path(folder) / f"{subject.artifact.name}.h"
        for what, variant in variants.items():
            header.write_text(variant, encoding="utf-8")
            runner = open_runner(
                name,
                header,
                subject.interface,
                compiler=compiler,
                optimize=optimize,
                shown=f"{subject.shown} with {what} changed",
            )
            try:
                if runner.selftest():
                    passed.append(what)
            except CheckFailedError:
                continue  # it did not pass
    if passed:
        return Finding(NAME, False, f"it passes although {' and '.join(passed)} was changed")
    return Finding(NAME, True, f"{len(variants)} changed headers refused on {name}")


def _with_table_changed(text: str, subject: Subject) -> str:
    const = subject.program.consts[0]
    return _with_last_changed(text, f"{subject.artifact.name}_{const.name}", const.dtype)[0]


def _with_output_changed(text: str, subject: Subject) -> str:
    artifact = subject.artifact
    last = output_tensors(artifact.graph)[-1]
    symbol = "out" if is_single(artifact.graph) else last.name
    changed, before, after = _with_last_changed(
        text, f"{artifact.name}_vector_{symbol}", last.dtype
    )
    # outputs end what the CRC is over, and a CRC is linear: the change alone gives its change
    delta = bytes(a ^ b for a, b in zip(before, after, strict=True))
    change = zlib.crc32(delta) ^ zlib.crc32(bytes(len(delta)))
    return _with_crc_changed(changed, artifact.name, change)


def _with_crc_changed(text: str, name: str, change: int) -> str:
    found = re.search(rf"(#define {name.upper()}_CRC32 UINT32_C\()0x([0-9A-F]{{8}})\)", text)
    if found is None:
        raise _NoPlaceError(f"{name.upper()}_CRC32")
    crc = f"{found[1]}0x{int(found[2], 16) ^ change:08X})"
    return text[: found.start()] + crc + text[found.end() :]


def _with_last_changed(text: str, table: str, dtype: str) -> tuple[str, bytes, bytes]:
    """Return the text with another last number in a table, and both numbers as bytes."""
    head = re.search(rf"\b{table}\[[^=;]*=\s*\{{", text)
    end = text.find("};", head.end()) if head else -1
    numbers = list(re.finditer(r"[^\s,{]+(?=\s*,)", text[head.end() : end])) if head else []
    if head is None or not numbers:
        raise _NoPlaceError(f"table {table}")
    last = numbers[-1]
    start, stop = head.end() + last.start(), head.end() + last.end()
    if dtype == "f32":
        before = np.float32(last[0].rstrip("f"))
        after = np.float32(0.5 if before == 1.0 else 1.0)
        written = c_float(float(after))
        pair = before.tobytes(), after.tobytes()
    else:
        least = last[0].endswith(")")  # of (-2147483647 - 1), which is how C writes the least s32
        value = -(2**31) if least else int(last[0])
        other = value - 1 if value > 0 else value + 1
        written = "0)" if least else str(other)
        bits = {"u8": 8, "s8": 8, "u16": 16, "s16": 16, "s32": 32}[dtype]
        pair = _little_endian(value, bits), _little_endian(other, bits)
    return text[:start] + written + text[stop:], *pair


def _little_endian(value: int, bits: int) -> bytes:
    return (value % (1 << bits)).to_bytes(bits // 8, "little")
