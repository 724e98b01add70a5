"""Frames of the link: what goes in comes out, and noise never becomes a frame."""

from __future__ import annotations

import zlib

import pytest
from cobs import cobs
from hypothesis import example, given
from hypothesis import strategies as st

from pyexport.runners.frames import (
    GREETING,
    LONGEST_FRAME,
    FrameReader,
    crc32c,
    decode_frame,
    encode_frame,
)

PAYLOADS = st.binary(min_size=1, max_size=600)


@given(PAYLOADS)
@example(bytes(254))
@example(b"\1" * 250)  # with its CRC the longest COBS block
@example(b"\1" * 600)
def test_a_frame_gives_its_payload_back(payload: bytes) -> None:
    frame = encode_frame(payload)
    assert frame[0] == frame[-1] == 0
    assert 0 not in frame[1:-1]
    assert decode_frame(frame[1:-1]) == payload
    assert FrameReader().feed(frame) == [payload]


@given(PAYLOADS)
def test_a_frame_is_what_its_description_says(payload: bytes) -> None:
    inside = cobs.decode(encode_frame(payload)[1:-1])
    assert inside == payload + zlib.crc32(payload).to_bytes(4, "little")


@given(st.lists(st.one_of(PAYLOADS, st.just(b"")), max_size=6), st.data())
def test_frames_are_found_however_the_stream_is_cut(
    payloads: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(encode_frame(payload) if payload else b"\0\0" for payload in payloads)
    reader, found = FrameReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == [payload for payload in payloads if payload]
    assert reader.dropped == 0


@given(st.binary(max_size=2000))
@example(b"\0\1\0\2\0\5abc\0")
def test_any_stream_is_read_and_the_next_frame_found(noise: bytes) -> None:
    reader = FrameReader()
    reader.feed(noise)
    assert reader.feed(encode_frame(b"after the noise")) == [b"after the noise"]


@given(st.binary(min_size=1, max_size=80), st.data())
def test_no_damaged_bit_goes_unseen(payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode_frame(payload)[1:-1])
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    reader = FrameReader()
    assert reader.feed(b"\0" + bytes(frame) + b"\0") == []
    assert reader.dropped >= 1


@pytest.mark.parametrize(
    "piece",
    [b"\1", b"\5\1\2\3\4", b"\7abc", encode_frame(b"x")[1:-2], cobs.encode(bytes(4))],
    ids=["empty", "no CRC", "short block", "no last byte", "empty with its CRC"],
)
def test_what_is_too_short_is_no_frame(piece: bytes) -> None:
    assert decode_frame(piece) is None


def test_a_board_that_starts_is_heard_and_counts_as_no_damage() -> None:
    reader = FrameReader()
    assert reader.feed(b"half a frame" + GREETING + b"digits, self-test passed\r\n\0") == []
    assert (reader.greetings, reader.dropped) == (1, 0)


def test_a_stream_without_any_zero_takes_no_more_memory_than_a_frame() -> None:
    reader = FrameReader()
    for _ in range(3):
        assert reader.feed(b"\xff" * LONGEST_FRAME) == []
    assert reader.dropped >= 1
    assert reader.feed(encode_frame(b"next")) == [b"next"]


def test_crc32c_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"6789", crc32c(b"12345")) == 0xE3069283
    assert crc32c(b"") == 0
