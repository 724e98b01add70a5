"""Sample files that lie, unpack without end, or would call something: .npy, .npz, .csv, IDX."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import zipfile

from scripts.hostile_files import clean
from scripts.hostile_files.case import SAMPLES, Case
from scripts.hostile_files.pickles import Call

CSV = b"a,b,c\n0,0.5,1\n1,0.25,0\n"
IDX = b"\0\0\x08\x02" + struct.pack(">2I", 2, 3) + bytes([0, 1, 0, 1, 1, 0])


def npy(header: str, data: bytes, version: int = 1) -> bytes:
    """Return a .npy file with this text as its header."""
    text = header.encode("latin-1") + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def array(dtype: str = "<f4", shape: str = "(2, 3)", data: bytes | None = None) -> bytes:
    """Return a .npy file of two rows of three values."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    return npy(text, struct.pack("<6f", 0, 0.5, 1, 1, 0.25, 0) if data is None else data)


def cases(canary: str) -> list[Case]:
    """Return the files; what they would call makes a file at `canary`."""
    evil = pickle.dumps(Call(os.system, f"touch '{canary}'"), 2)
    call = f"__import__('os').system(\"touch '{canary}'\")"
    deflated = zipfile.ZIP_DEFLATED
    infinite = struct.pack("<6f", 0, 1, 0, float("inf"), float("nan"), 1)
    arrays = {
        "npy-objects": array("|O", data=evil),
        "npy-objects-inside": array("|O", "(1,)", data=evil),
        "npy-code": npy(call, b""),
        "npy-code-in-shape": npy(
            f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({call},), }}", bytes(24)
        ),
        "npy-shape-giant": array(shape="(1099511627776, 3)"),
        "npy-shape-negative": array(shape="(-2, -3)"),
        "npy-shape-stride-0": array(shape="(0, 1099511627776)", data=b""),
        "npy-shape-rank": array(shape="(" + "1, " * 60 + ")", data=bytes(4)),
        "npy-header-deep": npy("(" * 5000, b""),
        "npy-header-long": npy("{" + " " * (1 << 20) + "}", b"", 2),
        "npy-header-lying-length": b"\x93NUMPY\x01\x00\xff\xff{'descr'",
        "npy-version": array().replace(b"Y\x01", b"Y\x09", 1),
        "npy-structured": array("[('a', '<f8')]"),
        "npy-duplicate-key": npy("{'descr': '<f4', 'descr': '|O', 'shape': (2, 3), }", bytes(24)),
        "npy-infinite": array(data=infinite),
        "npy-cut": array()[:-1],
        "npy-cut-in-header": array()[:30],
        "npz-objects": clean.zipped({"inputs.npy": array("|O", data=evil)}),
        "npz-pickle": clean.zipped({"inputs.npy": evil}),
        "npz-bomb": clean.zipped({"inputs.npy": array() + bytes(48 << 20)}, deflated),
        "npz-parent-folder": clean.zipped({"../inputs.npy": array()}),
        "npz-targets-giant": clean.zipped(
            {"inputs.npy": array(), "targets.npy": array("<i8", "(1099511627776,)")}
        ),
        "npz-cut": clean.zipped({"inputs.npy": array()})[:-10],
    }
    idx = {
        "idx-shape-giant": IDX[:4] + b"\xff" * 8 + IDX[12:],
        "idx-little-endian": IDX[:4] + struct.pack("<2I", 2, 3) + IDX[12:],
        "idx-rank": b"\0\0\x08\xff" + b"\x7f" * 2000,
        "idx-cut": IDX[:-1],
        "idx-cut-in-shape": IDX[:9],
        "gzip-bomb": gzip.compress(IDX + bytes(64 << 20), mtime=0),
        "gzip-cut": gzip.compress(IDX, mtime=0)[:-9],
    }
    csv = {
        "csv-nan": CSV.replace(b"0.5", b"nan"),
        "csv-1e999": CSV.replace(b"0.5", b"1e999"),
        "csv-wide-header": b"a,b,c,d,e,label\n0,0.5,1,0\n",
        "csv-quote": CSV + b'"' + b"x" * 300_000,
        "csv-long-number": CSV.replace(b"0.5", b"9" * 5000),
        "csv-terminal": CSV.replace(b"0.5", b"\x1b[2J[/red]"),
        "csv-formula": CSV.replace(b"0.5", b"=cmd|'/C calc'!A0"),
        "csv-nul": CSV + b"\0\n",
        "csv-utf-16": CSV.decode().encode("utf-16"),
    }
    twins = {"npy": array(), "npz": clean.zipped({"inputs.npy": array()}), "csv": CSV}
    return [
        Case(f"samples-{name}", data, twins.get(name.partition("-")[0], IDX), use=SAMPLES)
        for name, data in (arrays | idx | csv).items()
    ]
