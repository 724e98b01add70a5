"""ONNX models that lie about sizes, reach for other files, or make much of little."""

from __future__ import annotations

import struct

from scripts.hostile_files.case import EXPORTS, Case
from scripts.hostile_files.graphs import BREAKOUT
from scripts.hostile_files.protobuf import (
    INT64,
    NODES,
    WEIGHTS,
    field,
    graph,
    integer,
    model,
    node,
    tensor,
    value_info,
    varint,
)

_HUGE = 1 << 40
_LARGE = (4096, 4096)


def cases() -> list[Case]:
    """Return the models."""
    twin = model()
    found = [Case(f"onnx-{name}", data, twin) for name, data in _refused().items()]
    found += [Case(f"onnx-{name}", data, twin, EXPORTS) for name, data in _exporting().items()]
    return found + _external()


def _with(name: str, content: bytes) -> bytes:
    """Return the model with another initializer."""
    return model(graph(weights=WEIGHTS | {name: content}))


def _claim(*shape: int, dtype: int = 1) -> bytes:
    """Return a tensor without elements that claims a shape."""
    return b"".join(field(1, n) for n in shape) + field(2, dtype) + field(8, "0.weight")


def _made(operator: str, shape: tuple[int, ...], *inputs: str) -> bytes:
    """Return a model that makes a large constant and adds it to its input."""
    sizes = tensor("shape", (len(shape),), struct.pack(f"<{len(shape)}q", *shape), INT64)
    one = tensor("one", (1, 1), struct.pack("<f", 1.0))
    nodes = (
        node(operator, (*inputs, "shape"), "c"),
        node("Add", ("x", "c"), "x2"),
        *NODES,
    )
    return model(graph(nodes, WEIGHTS | {"shape": sizes, "one": one}))


def _nested(levels: int) -> bytes:
    """Return a node whose attribute holds a graph that holds such a node, ..."""
    inner = node("Relu", ("x",), "y")
    for _ in range(levels):
        branch = field(1, "then_branch") + field(6, field(1, inner)) + field(20, 5)
        inner = node("If", ("x",), "y", branch)
    return inner


def _refused() -> dict[str, bytes]:
    weight = WEIGHTS["0.weight"]
    nan = struct.pack("<f", float("nan")) * 12
    return {
        "huge": _with("0.weight", _claim(_HUGE, 3)),
        "negative": _with("0.weight", _claim(-1, 3)),
        "claims": _with("0.weight", _claim(*_LARGE)),
        "rank": _with("0.weight", _claim(*[1] * 200)),
        "type": _with("0.weight", _claim(4, 3, dtype=-5)),
        "short": _with("0.weight", tensor("0.weight", (4, 3), bytes(40))),
        "texts": _with("0.weight", _claim(4, dtype=8) + field(6, b"a") * 4),
        "sparse": model(graph() + field(15, field(1, weight))),
        "segment": _with("0.weight", weight + field(3, field(1, 0))),
        "nan": _with("0.weight", tensor("0.weight", (4, 3), nan)),
        "twice": model(graph() + field(5, weight)),
        "two-graphs": model() + field(7, graph()),
        "no-graph": model()[:0] + field(1, 10) + field(7, b""),
        "nodes": model(graph(nodes=[b""] * 600_000)),
        "initializers": model(graph() + field(5, b"") * 200_000),
        "values": model(graph() + field(13, field(1, "v")) * 200_000),
        "fields": model(graph() + b"\x50\x01" * 2_000_000),
        "attributes": model(
            graph((node("Relu", ("x",), "y", *(integer(f"{i:x}", i) for i in range(90_000))),))
        ),
        "packed": _with(
            "0.weight", _claim(4, 3, dtype=INT64) + field(7, b"\x01" * (12 << 20))
        ),
        "unpacked": model(
            graph(
                (
                    node(
                        "Relu", ("x",), "y",
                        field(1, "a") + (b"\x40\x01" * 600_000) + field(20, 7),
                    ),
                )
            )
        ),
        "cycle": model(graph((node("Relu", ("y",), "y"),))),
        "reused-name": model(graph((*NODES, node("Relu", ("x",), "h")))),
        "overwrites-input": model(graph((node("Relu", ("x",), "x"), *NODES))),
        "constant-of-shape": _made("ConstantOfShape", _LARGE),
        "expand": _made("Expand", _LARGE, "one"),
        "tile": _made("Tile", _LARGE, "one"),
        "range": model(
            graph(
                (node("Range", ("a", "b", "s"), "c"), node("Add", ("x", "c"), "y")),
                {
                    name: tensor(name, (), struct.pack("<q", value), INT64)
                    for name, value in (("a", 0), ("b", 1 << 60), ("s", 1))
                },
            )
        ),
        "reshape-overflow": model(
            graph(
                (node("Reshape", ("x", "shape"), "y"),),
                {"shape": tensor("shape", (2,), struct.pack("<2q", 1 << 62, 4), INT64)},
            )
        ),
        "wide-input": model(graph(inputs=(value_info("x", (1, 1 << 50)),))),
        "negative-input": model(graph(inputs=(value_info("x", (1, -3)),))),
        "deep-shape": model(graph(inputs=(value_info("x", [1] * 5000),))),
        "subgraphs": model(graph((_nested(1000),))),
        "opset": model(opset=1 << 62),
        "old-opset": model(opset=7),
        "statements": model(stated=b'{"format":"pyexport/1","labels":' + b"[" * 100_000),
        "axis": model(graph((node("Softmax", ("x",), "y", integer("axis", 1 << 62)),))),
        "attribute-type": model(
            graph((node("Softmax", ("x",), "y", field(1, "axis") + field(2, 1.0)),))
        ),
        "operator-name": model(graph((node(BREAKOUT, ("x",), "y"),))),
        "group": b"\x0b" * 1000 + model(),
        "varint": model() + b"\x08" + b"\xff" * 5000,
        "length": field(1, 10) + b"\x3a" + varint(_HUGE) + graph(),
        "truncated": model()[:-40],
    }  # fmt: skip


def _exporting() -> dict[str, bytes]:
    """Return models whose names are meant for C, terminals and other files."""
    scopes = field(9, field(1, "pkg.torch.onnx.name_scopes") + field(2, f"['', '{BREAKOUT}', '']"))
    first, *others = NODES
    return {
        "module-name": model(graph((first + scopes, *others))),
        "node-name": model(graph((first + field(3, BREAKOUT), *others))),
        "producer": model() + field(2, BREAKOUT),
        "documentation": model() + field(6, BREAKOUT * 1000),
        "unused-weight": _with("../../x", tensor("../../x", (1,), bytes(4))),
        "subgraph-in-metadata": model() + field(14, field(1, "x") + field(2, b"\x80\x04cos\n")),
    }


def _external() -> list[Case]:
    """Return models whose weights lie in files of other folders; the twin's lie beside it."""
    found = []
    for name, location in {
        "absolute": "/etc/passwd",
        "parent": "../../../../etc/passwd",
        "hidden-parent": "a/../../b",
        "device": "/dev/zero",
        "folder": ".",
        "missing": "nowhere.data",
        "nul": "a\0b",
        "drive": "C:\\secret",
    }.items():
        full = f"onnx-external-{name}"
        twin = _stored_in(f"{full}.data")
        data = {".data": WEIGHTS["0.weight"][-48:]}
        found.append(Case(full, _stored_in(location), twin, twin_beside=data))
    outside = "onnx-external-outside"
    inside = _stored_in(f"{outside}.data")
    data = {".data": WEIGHTS["0.weight"][-48:]}
    beyond = _stored_in(f"{outside}.data", offset="99999999")
    found.append(Case(outside, beyond, inside, beside=data, twin_beside=data))
    return found


def _stored_in(location: str, **entries: str) -> bytes:
    content = _claim(4, 3) + field(14, 1)
    for key, value in {"location": location, **entries}.items():
        content += field(13, field(1, key) + field(2, value))
    return _with("0.weight", content)
