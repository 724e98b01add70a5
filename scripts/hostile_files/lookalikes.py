"""Files that start like another program's, with something hostile behind: none is opened."""

from __future__ import annotations

import json
import os
import pickle
import zlib

from scripts.hostile_files import clean
from scripts.hostile_files.case import REFUSED, Case
from scripts.hostile_files.graphs import BREAKOUT
from scripts.hostile_files.pickles import Call


def cases(canary: str) -> list[Case]:
    """Return the files; what they would call makes a file at `canary`."""
    command = f"touch '{canary}'"
    evil = pickle.dumps(Call(os.system, command), 2)
    estimator = b"\x80\x02csklearn.linear_model._logistic\nLogisticRegression\n)\x81}X\x01\0\0\0a"
    text = BREAKOUT.encode()
    lambda_layer = {"class_name": "Lambda", "config": {"function": f"os.system({command!r})"}}
    files = {
        "onnx": (_onnx(text), _onnx(b"pytorch")),
        "onnx-cut": (_onnx(text)[:-2], _onnx(b"pytorch")),
        "onnx-external-data": (_onnx(b"../../../etc/passwd"), _onnx(b"pytorch")),
        "tflite": (b"\x1c\0\0\0TFL3" + b"\xff" * 5000, b"\x1c\0\0\0TFL3" + bytes(20)),
        "hdf5": (b"\x89HDF\r\n\x1a\n" + evil, b"\x89HDF\r\n\x1a\n" + bytes(90)),
        "keras": (
            clean.zipped({"config.json": json.dumps(lambda_layer).encode(), "a.weights.h5": evil}),
            clean.zipped({"config.json": b"{}", "a.weights.h5": b""}),
        ),
        "torchscript": (_script(evil), _script(pickle.dumps({}, 2))),
        "aotinductor": (
            clean.replaced({"data/aotinductor/model/x.so": b"\x7fELF" + evil, clean.MODEL: None}),
            clean.replaced({"data/aotinductor/model/x.so": b"\x7fELF", clean.MODEL: None}),
        ),
        "sklearn": (estimator + evil[2:-1] + b"sb.", estimator + b"K\x01sb."),
        "sklearn-compressed": (zlib.compress(evil), zlib.compress(estimator + b"K\x01sb.")),
        "gguf": (b"GGUF\x03\0\0\0" + b"\xff" * 64, b"GGUF\x03\0\0\0" + bytes(16)),
    }
    return [
        Case(f"lookalike-{name}", hostile, twin, REFUSED, twin_ends=REFUSED)
        for name, (hostile, twin) in files.items()
    ]


def _onnx(producer: bytes) -> bytes:
    """Return the outermost fields of a protobuf message as ONNX writes them."""
    return b"\x08\x07\x12" + bytes([len(producer)]) + producer + b"\x3a\x04\x0a\x02\x0a\x00"


def _script(pickled: bytes) -> bytes:
    code = b"def forward(self, x):\n  return ops.aten.system(x)\n"
    members = {"m/data.pkl": pickled, "m/constants.pkl": pickled, "m/code/__torch__.py": code}
    return clean.zipped(members | {"m/version": b"3\n"})
