"""Writes protocol buffers, and the clean ONNX model that the hostile ones are made of."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from scripts.hostile_files import clean

FLOAT, INT64 = 1, 7


def varint(value: int) -> bytes:
    """Return a number of 64 bits, seven a byte, the lowest first."""
    value &= (1 << 64) - 1
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, value: int | float | bytes | str) -> bytes:
    """Return one field: a varint, a float, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name: str, shape: Sequence[int], raw: bytes, dtype: int = FLOAT) -> bytes:
    """Return a TensorProto."""
    sizes = b"".join(field(1, n) for n in shape)
    return sizes + field(2, dtype) + field(8, name) + field(9, raw)


def node(
    operator: str, inputs: Sequence[str], output: str, *attributes: bytes, name: str = ""
) -> bytes:
    """Return a NodeProto of one output."""
    content = b"".join(field(1, each) for each in inputs) + field(2, output)
    content += field(3, name or output) + field(4, operator)
    return content + b"".join(field(5, each) for each in attributes)


def integer(name: str, value: int) -> bytes:
    """Return an AttributeProto of one integer."""
    return field(1, name) + field(3, value) + field(20, 2)


def value_info(name: str, sizes: Sequence[int], dtype: int = FLOAT) -> bytes:
    """Return a ValueInfoProto."""
    shape = b"".join(field(1, field(1, n)) for n in sizes)
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, shape)))


WEIGHTS: dict[str, bytes] = {
    name: tensor(name, shape, clean.floats(clean.BYTES[shape] // 4))
    for name, shape in clean.PARAMETERS.items()
}
NODES = (
    node("Gemm", ("x", "0.weight", "0.bias"), "h", integer("transB", 1)),
    node("Relu", ("h",), "r"),
    node("Gemm", ("r", "2.weight", "2.bias"), "y", integer("transB", 1)),
)
STATED = b'{"format":"pyexport/1","input":{"range":[0,1]},"labels":["no","yes"]}'


def graph(
    nodes: Sequence[bytes] = NODES,
    weights: Mapping[str, bytes] = WEIGHTS,
    inputs: Sequence[bytes] = (value_info("x", (1, 3)),),
) -> bytes:
    """Return a GraphProto."""
    content = b"".join(field(1, each) for each in nodes) + field(2, "g")
    content += b"".join(field(5, each) for each in weights.values())
    content += b"".join(field(11, each) for each in inputs)
    return content + field(12, value_info("y", (1, 2)))


def model(body: bytes | None = None, *, opset: int = 20, stated: bytes = STATED) -> bytes:
    """Return a ModelProto; the clean one by default."""
    opsets = field(8, field(1, "") + field(2, opset))
    metadata = field(14, field(1, "pyexport") + field(2, stated))
    return field(1, 10) + field(2, "pytorch") + opsets + metadata + field(7, body or graph())
