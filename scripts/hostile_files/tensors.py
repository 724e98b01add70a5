"""Safetensors files and scratch checkpoints that lie, and bytes that a recognizer chokes on."""

from __future__ import annotations

import json
import struct

from scripts.hostile_files import clean
from scripts.hostile_files.case import ARCH, EXPORTS, REFUSED, Case
from scripts.hostile_files.clean import Document
from scripts.hostile_files.graphs import BREAKOUT

_F64 = {"0.weight": (4, 3), "2.weight": (2, 4), "0.bias": (4,), "2.bias": (2,)}


def _description() -> Document:
    return {
        "format": "pyexport-scratch/1",
        "graph": [
            {"kind": "linear", "inputs": 3, "outputs": 4},
            {"kind": "relu"},
            {"kind": "linear", "inputs": 4, "outputs": 2},
        ],
        "input": {"scale": 1.0, "range": [0.0, 1.0], "unit": "volt"},
        "labels": ["no", "yes"],
    }


def safetensors(header: Document | bytes, body: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _file(
    description: Document | str | None,
    entries: Document | None = None,
    body: bytes | None = None,
    length: int | None = None,
) -> bytes:
    """Return a scratch checkpoint, or for None the tensors alone."""
    header: Document = {}
    if description is not None:
        said = description if isinstance(description, str) else json.dumps(description)
        header["__metadata__"] = {"pyexport.scratch": said}
    offset = 0
    for name, shape in _F64.items():
        size = 8 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {
            "dtype": "F64",
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    header |= entries or {}
    return safetensors(header, clean.floats(offset // 8, "d") if body is None else body, length)


def _said(**changes: object) -> bytes:
    return _file(_description() | changes)


def cases() -> list[Case]:
    """Return the files."""
    twin, plain = _file(_description()), _file(None)
    weight = {"dtype": "F64", "shape": [4, 3], "data_offsets": [0, 96]}
    bad = struct.pack("<26d", *[float("nan")] * 26)
    linear = {"kind": "linear", "inputs": 1 << 24, "outputs": 1 << 24}
    lies: dict[str, Document] = {
        "offsets-outside": {"data_offsets": [0, 1 << 40], "shape": [4, 1 << 37]},
        "offsets-negative": {"data_offsets": [-96, 0]},
        "offsets-backwards": {"data_offsets": [96, 0]},
        "offsets-overlap": {"data_offsets": [32, 128]},
        "shape-giant": {"shape": [1 << 40, 1 << 40]},
        "shape-negative": {"shape": [-4, -3]},
        "shape-float": {"shape": [4.0, 3]},
        "shape-rank": {"shape": [1] * 5000},
        "dtype": {"dtype": "object"},
    }
    found = [
        Case(f"scratch-{name}", _file(_description(), {"0.weight": weight | lie}), twin)
        for name, lie in lies.items()
    ]
    found += [
        Case(f"safetensors-{name}", _file(None, {"0.weight": weight | lie}), plain, options=ARCH)
        for name, lie in lies.items()
    ]
    files = {
        "scratch-header-giant": _file(_description(), length=1 << 63),
        "scratch-header-beyond": _file(_description(), length=1 << 20),
        "scratch-header-big-endian": twin[:8][::-1] + twin[8:],
        "scratch-header-short": _file(_description(), length=40),
        "scratch-body-short": _file(_description(), body=b"1234"),
        "scratch-nan": _file(_description(), body=bad),
        "scratch-description-deep": _file("[" * 100_000),
        "scratch-description-duplicate": _file('{"format":"pyexport-scratch/1","format":1}'),
        "scratch-description-overflow": _file(json.dumps(_description()).replace("1.0", "1e999")),
        "scratch-layers": _said(graph=[{"kind": "relu"}] * 100_000),
        "scratch-giant": _said(graph=[linear]),
        "scratch-kind": _said(graph=[{"kind": "__class__"}]),
        "scratch-format": _said(format="pyexport-scratch/99"),
        "scratch-scale": _said(input={"scale": -1e300}),
        "scratch-labels": _said(labels=[BREAKOUT * 100, "b"]),
        "scratch-dropout-state": _said(
            training={"engine": "lists", "input_bits": 8, "clip": 4.0, "dropout": "zz"}
        ),
        "scratch-engine": _said(training={"engine": "os.system", "input_bits": 8, "clip": 4.0}),
        "scratch-tensor-name": _file(
            _description(), {BREAKOUT: {"dtype": "U8", "shape": [0], "data_offsets": [208, 208]}}
        ),
        "scratch-many-tensors": _file(
            _description(),
            {f"t{i}": {"dtype": "U8", "shape": [0], "data_offsets": [208, 208]}
             for i in range(150_000)},
        ),
    }  # fmt: skip
    found += [Case(name, data, twin) for name, data in files.items()]
    found += [
        Case(f"scratch-cut-{size}", twin[:size], twin) for size in (7, 8, 9, 100, len(twin) - 1)
    ]
    found += [
        Case(f"safetensors-cut-{size}", plain[:size], plain, options=ARCH)
        for size in (7, 9, 60, len(plain) - 1)
    ]
    found.append(Case("scratch-breakout", _said(labels=[BREAKOUT, "b"]), twin, EXPORTS))
    found += [Case(name, data, bytes(16), twin_ends=REFUSED) for name, data in _junk().items()]
    return found


def _junk() -> dict[str, bytes]:
    """Return bytes that look like the start of something for long."""
    varints = b"\x08\x01" * (6 << 20)
    return {
        "junk-empty": b"",
        "junk-onnx-fields": varints,
        "junk-onnx-varint": b"\xff" * 100_000,
        "junk-onnx-length": b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        "junk-header-spaces": b"#define x_IDENTITY" + b" " * 64_000,
        "junk-header-names": b"#define " + b"x_IDENTITY" * 6_400,
        "junk-json-deep": b"{" + b'"a":{' * 500_000,
        "junk-json-lists": b'{"a":[' + b"[]," * (10 << 20) + b"1]}",
        "junk-pickle-text": b"(" * (2 << 20) + b".",
        "junk-hdf5": b"\x89HDF\r\n\x1a\n" + b"\xff" * 100,
        "junk-elf": b"\x7fELF" + b"\xff" * 100,
        "junk-gzip": b"\x1f\x8b\x08" + bytes(100),
    }
