"""The safetensors layout: exact round trip, canonical bytes, and refusal of damaged files."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyexport.errors import FileFormatError, PyexportError
from pyexport.tensorfile import ITEM_BYTES, RawTensor, read_tensorfile, write_tensorfile
from pyexport.untrusted import MAX_JSON_DEPTH, parse_json, printable

NUMPY = {
    "F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "U16": "<u2", "BOOL": "?",
}  # fmt: skip


def sample() -> dict[str, RawTensor]:
    rng = np.random.default_rng(5)
    tensors = {}
    for dtype, code in NUMPY.items():
        array = rng.integers(0, 2, size=(3, 2)).astype(code)
        tensors[f"t.{dtype}"] = RawTensor(dtype, (3, 2), array.tobytes())
    tensors["scalar"] = RawTensor("F64", (), struct.pack("<d", 0.1))
    tensors["empty"] = RawTensor("F32", (0, 4), b"")
    return tensors


def raw(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(
    dtype: object = "U8", shape: object = (2,), offsets: object = (0, 2)
) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_reads_back_what_it_wrote():
    metadata, tensors = read_tensorfile(write_tensorfile({"k": "v\n\u00e9"}, sample()), "f")
    assert metadata == {"k": "v\n\u00e9"}
    assert {n: (t.dtype, t.shape, bytes(t.data)) for n, t in tensors.items()} == {
        n: (t.dtype, t.shape, bytes(t.data)) for n, t in sample().items()
    }


def test_bytes_do_not_depend_on_the_order_of_insertion():
    tensors = sample()
    turned = dict(reversed(tensors.items()))
    first = write_tensorfile({"a": "1", "b": "2"}, tensors)
    assert first == write_tensorfile({"b": "2", "a": "1"}, turned)
    assert len(first) % 8 == sum(len(t.data) for t in tensors.values()) % 8


def test_the_official_package_reads_the_file():
    from safetensors.numpy import load

    loaded = load(write_tensorfile({"k": "v"}, sample()))
    for name, tensor in sample().items():
        code = NUMPY[tensor.dtype]
        expected = np.frombuffer(tensor.data, dtype=code).reshape(tensor.shape)
        assert loaded[name].dtype == expected.dtype
        np.testing.assert_array_equal(loaded[name], expected)


def test_reads_what_the_official_package_wrote():
    from safetensors.numpy import save

    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    metadata, tensors = read_tensorfile(save({"w": array}, {"k": "v"}), "f")
    assert metadata == {"k": "v"}
    assert bytes(tensors["w"].data) == array.tobytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        (b"\x10\0\0\0\0\0\0\0{}", "truncated"),
        (b"\xff" * 16, "truncated"),
        (raw([]), "not a JSON object"),
        (raw(b'{"a": 1, "a": 2}'), "appears twice"),
        (raw(b'{"a": NaN}'), "NaN"),
        (raw(b'{"a": 1e999}'), "too large"),
        (raw(b"\xff{}"), "not valid JSON"),
        (raw(b"[" * 100_000), "nested"),
        (raw(b'{"a":' + b"[" * 70 + b"]" * 70 + b"}"), "nested deeper"),
        (raw({"__metadata__": {"a": 1}}), "texts only"),
        (raw({"__metadata__": []}), "texts only"),
        (raw({"w": 3}), "must have dtype"),
        (raw({"w": {**entry(), "more": 1}}, b"ab"), "must have dtype"),
        (raw({"w": entry("Q8")}, b"ab"), "none of F64"),
        (raw({"w": entry(["U8"])}, b"ab"), "none of F64"),
        (raw({"w": entry(shape=[-2])}, b"ab"), "valid shape"),
        (raw({"w": entry(shape=[2.0])}, b"ab"), "valid shape"),
        (raw({"w": entry(shape=[True, 2])}, b"ab"), "valid shape"),
        (raw({"w": entry(shape=[1] * 33)}, b"ab"), "valid shape"),
        (raw({"w": entry(offsets=[2, 0])}, b"ab"), "valid data_offsets"),
        (raw({"w": entry(offsets=[0])}, b"ab"), "valid data_offsets"),
        (raw({"w": entry(offsets=[-2, 0])}, b"ab"), "valid data_offsets"),
        (raw({"w": entry(shape=[3])}, b"ab"), "not what its shape needs"),
        (raw({"w": entry()}, b"a"), "ends outside"),
        (raw({"w": entry()}, b"abc"), "belong to no tensor"),
        (raw({"w": entry(offsets=[1, 3])}, b"abc"), "follows a gap"),
        (raw({"w": entry(), "v": entry(offsets=[1, 3])}, b"abc"), "overlaps"),
    ],
)
def test_damaged_file_is_refused_in_one_line(data, message):
    with pytest.raises(FileFormatError) as caught:
        read_tensorfile(data, "some.px")
    assert message in str(caught.value)
    assert str(caught.value).startswith("some.px: ")
    assert "the file is damaged: copy" in str(caught.value), "it tells the way out"
    assert "\n" not in str(caught.value)


def test_a_header_over_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr("pyexport.tensorfile.MAX_HEADER_BYTES", 4)
    with pytest.raises(FileFormatError, match="over 4"):
        read_tensorfile(raw({"w": entry()}, b"ab"), "f")


def test_writer_refuses_a_buffer_of_the_wrong_size():
    with pytest.raises(ValueError, match="8 bytes expected"):
        write_tensorfile({}, {"w": RawTensor("F32", (2,), b"1234")})


def test_every_truncation_is_refused():
    data = write_tensorfile({"k": "v"}, sample())
    for length in range(len(data)):
        with pytest.raises(FileFormatError):
            read_tensorfile(data[:length], "f")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_bytes_never_raise_another_error(data):
    content = bytearray(write_tensorfile({"k": "v"}, sample()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        _, tensors = read_tensorfile(bytes(content), "f")
    except PyexportError as error:
        assert "\n" not in str(error)
    else:
        assert all(t.dtype in ITEM_BYTES for t in tensors.values())


def test_json_of_the_allowed_depth_is_read():
    text = "[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH
    assert isinstance(parse_json(text, "f"), list)


def test_printable_gives_one_short_line():
    assert printable("a\nb\x1b[31m\u2028") == "a\\nb\\x1b[31m\\u2028"
    assert printable("x" * 500, 10) == "x" * 10 + "..."
    assert printable("gr\u00fcn") == "gr\u00fcn"
