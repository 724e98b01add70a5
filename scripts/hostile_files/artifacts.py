"""Artifacts and headers that lie: what simulate, verify and inspect are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from pyexport.artifact import write_artifact
from pyexport.frontends.loading import parse_pt2
from pyexport.pipeline import Export, ExportOptions, export_model
from pyexport.tensorfile import RawTensor, read_tensorfile, write_tensorfile
from scripts.hostile_files import clean
from scripts.hostile_files.case import ARTIFACT, EXPORTS, HEADER, REFUSED, Case
from scripts.hostile_files.graphs import BREAKOUT

Document = dict[str, Any]


@cache
def export(scheme: str) -> Export:
    """Return the export of the clean network."""
    model = parse_pt2(clean.archive(), "m.pt2", "m.pt2")
    return export_model(model, ExportOptions("net", scheme=scheme))


def edited(change: Callable[[Document], object], scheme: str = "int8") -> bytes:
    """Return the artifact after `change` worked on its JSON text."""
    metadata, tensors = read_tensorfile(write_artifact(export(scheme).artifact), "m")
    document = json.loads(metadata["pyexport"])
    change(document)
    return write_tensorfile({"pyexport": json.dumps(document)}, tensors)


def cases() -> list[Case]:
    """Return the files; the twin of each is a sound artifact or header."""
    twin = write_artifact(export("int8").artifact)
    found = [
        Case(f"artifact-{name}.px", data, twin, use=ARTIFACT) for name, data in _refused().items()
    ]
    found += [
        Case(f"artifact-{name}.px", edited(change), twin, EXPORTS, use=ARTIFACT)
        for name, change in _harmless().items()
    ]
    return found + _headers()


def _first(key: str, /, **values: object) -> Callable[[Document], object]:
    return lambda d: d["graph"][key][0].update(values)


def _refused() -> dict[str, bytes]:
    whole = write_artifact(export("int8").artifact)
    text = whole[8 : 8 + int.from_bytes(whole[:8], "little")]
    changes: dict[str, Callable[[Document], object]] = {
        "identity": lambda d: d.update(identity="0" * 64),
        "format": lambda d: d.update(format="pyexport-px/99"),
        "profile": lambda d: d.update(profile="PX9"),
        "scheme": lambda d: d.update(scheme="__class__"),
        "name-breakout": lambda d: d.update(name=BREAKOUT),
        "name-keyword": lambda d: d.update(name="x; int evil"),
        "labels-number": lambda d: d.update(labels=["a"] * 1000),
        "labels-object": lambda d: d.update(labels={"a": 1}),
        "unit-list": lambda d: d.update(input_unit=[1]),
        "accuracy": lambda d: d.update(
            accuracy={"rows": 1, "float_correct": 9, "exported_correct": 9}
        ),
        "calibration": lambda d: d.update(calibration={"kind": "data", "rows": -1}),
        "no-graph": lambda d: d.pop("graph"),
        "node-kind": _first("nodes", kind="eval"),
        "node-name": _first("nodes", name=BREAKOUT),
        "node-shift": _first("nodes", pre_shift=1 << 40),
        "node-cycle": lambda d: d["graph"]["nodes"].reverse(),
        "shape-giant": _first("tensors", shape=[1 << 40]),
        "shape-negative": _first("tensors", shape=[-3]),
        "scale": _first("tensors", scale=0.0),
        "zero-point": _first("tensors", zero_point=1 << 70),
        "limits": _first("tensors", low=300, high=-300),
    }
    infinite = RawTensor("F32", (1, 3), b"\0\0\xc0\x7f" * 3)
    lies = {
        "stray-tensor": ("no_such.weight", infinite),
        "acc-low": ("linear0.acc_low", RawTensor("I64", (4,), bytes(32))),
    }
    return {
        **{name: edited(change) for name, change in changes.items()},
        **{name: _with(*lie) for name, lie in lies.items()},
        "nan": whole.replace(b'\\"scale\\":', b'\\"scale\\":NaN+', 1),
        "vectors-nan": _with("vectors.inputs", infinite, "float32"),
        "json-deep": write_tensorfile({"pyexport": "[" * 100_000}, {}),
        "json-1e999": write_tensorfile({"pyexport": '{"format":1e999}'}, {}),
        "json-duplicate": write_tensorfile({"pyexport": '{"format":1,"format":1}'}, {}),
        "header-length": (1 << 62).to_bytes(8, "little") + whole[8:],
        "header-big-endian": whole[:8][::-1] + whole[8:],
        "cut-in-length": whole[:5],
        "cut-in-header": whole[: 8 + len(text) // 2],
        "cut-in-tensors": whole[:-20],
        "empty": b"",
        "pickle": b"\x80\x02cos\nsystem\n.",
    }


def _with(name: str, tensor: RawTensor, scheme: str = "int8") -> bytes:
    metadata, tensors = read_tensorfile(write_artifact(export(scheme).artifact), "m")
    return write_tensorfile(metadata, tensors | {name: tensor})


def _harmless() -> dict[str, Callable[[Document], object]]:
    """Return what the identity leaves out, because it is text that is escaped where it is shown."""
    return {
        "label-breakout": lambda d: d.update(labels=[BREAKOUT, "[/red][link=file:///x]y"]),
        "producer-breakout": lambda d: d.update(producer=BREAKOUT),
        "module-breakout": _first("nodes", source=BREAKOUT),
    }


def _headers() -> list[Case]:
    sound = export("int8")
    twin, px = sound.header.encode(), write_artifact(sound.artifact)
    identity = sound.artifact.identity.encode()
    texts = {
        "no-identity": twin.replace(identity, b"unknown"),
        "other-identity": twin.replace(identity, b"0" * 64),
        "other-name": twin.replace(b"NET_IDENTITY", b"EVIL_IDENTITY"),
        "spaces": b"#define NET_IDENTITY" + b" " * (1 << 20),
        "words": b"#define " + b"x_IDENTITY" * 100_000,
        "defines": b"#define x_IDENTITY " * 50_000,
        "binary": bytes(range(256)) * 100,
        "utf-16": sound.header.encode("utf-16"),
        "cut": twin[: twin.index(identity) + 20],
    }
    return [
        Case(f"header-{name}.h", text, twin, REFUSED, use=HEADER, beside={".px": px},
             twin_beside={".px": px})
        for name, text in texts.items()
    ]  # fmt: skip
