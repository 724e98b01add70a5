"""The reader of protocol buffers agrees with protobuf, and refuses what no writer makes."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from pyexport.errors import FileFormatError
from pyexport.frontends.onnx.wire import Budget, Field, Message

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


def message(data: bytes, **budget: int) -> Message:
    return Message(memoryview(data), "m.onnx", Budget(**budget))


def fields(data: bytes) -> list[Field]:
    return list(message(data).fields())


@given(st.lists(INT64, max_size=50))
def test_integers_are_those_that_protobuf_wrote(values: list[int]) -> None:
    data = TensorProto(int64_data=values, dims=values).SerializeToString()
    read: dict[int, list[int]] = {1: [], 7: []}  # dims are written one by one, data packed
    for field in fields(data):
        read[field.number].extend(field.integers().tolist())
    assert read == {1: values, 7: values}


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=50))
def test_floats_are_those_that_protobuf_wrote(values: list[float]) -> None:
    data = TensorProto(float_data=values).SerializeToString()
    read = [v for field in fields(data) for v in field.floats("<f4").tolist()]
    assert read == values


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        for field in fields(data):
            field.integers()
    except FileFormatError:
        pass


def test_one_double_and_one_float_are_read_unpacked() -> None:
    double, single = fields(b"\x51" + struct.pack("<d", 2.5) + b"\x25" + struct.pack("<f", 1.5))
    assert double.floats("<f8").tolist() == [2.5]
    assert (single.floats("<f4").tolist(), single.float32()) == ([1.5], 1.5)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x0a\x05ab", "reaches over its end"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "reaches over its end"),
        (b"\x08" + b"\xff" * 10, "a number without an end"),
        (b"\x08\x80", "a number without an end"),
        (b"\x00\x01", "a field with the key 0"),  # field numbers start at 1
        (b"\x0b", "a field with the key 11"),  # a group, which ONNX does not use
        (b"\x21\x00\x00", "reaches over its end"),  # 8 bytes announced
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else "",
)
def test_a_damaged_message_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(FileFormatError, match=problem):
        fields(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"\x0a\x01\x80", "without an end"), (b"\x0a\x0b" + b"\x80" * 10 + b"\x01", "over 64 bits")],
)
def test_a_damaged_packed_array_is_refused(data: bytes, problem: str) -> None:
    (field,) = fields(data)
    with pytest.raises(FileFormatError, match=problem):
        field.integers()


def test_a_field_of_another_type_is_refused() -> None:
    number, text = fields(b"\x08\x05\x12\x02hi")
    assert (number.signed(), text.text()) == (5, "hi")
    for wrong in (number.text, number.raw, text.signed, text.float32, number.float32):
        with pytest.raises(FileFormatError, match="which is not"):
            wrong()
    with pytest.raises(FileFormatError, match="half an element"):
        text.floats("<f4")
    with pytest.raises(FileFormatError, match="not floats"):
        number.floats("<f4")


def test_a_text_must_be_short_utf8() -> None:
    (broken,) = fields(b"\x0a\x01\xff")
    with pytest.raises(FileFormatError, match="not UTF-8"):
        broken.text()
    (long,) = fields(b"\x0a\x03abc")
    with pytest.raises(FileFormatError, match="over the limit 2"):
        long.text(2)


def test_fields_and_packed_integers_are_counted_over_the_whole_file() -> None:
    many = message(b"\x08\x01" * 11, fields=10)
    with pytest.raises(FileFormatError, match="fields; store tensors as raw data"):
        list(many.fields())
    packed = message(b"\x0a\x03\x01\x02\x03" * 4, varints=10)
    with pytest.raises(FileFormatError, match="packed integers"):
        for field in packed.fields():
            field.integers()


def test_no_byte_of_the_file_is_copied() -> None:
    data = bytes(1000)
    (field,) = fields(b"\x0a\xe8\x07" + data)
    assert field.raw().nbytes == 1000
    assert np.frombuffer(field.raw(), np.uint8).base is not None
