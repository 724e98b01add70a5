"""Frames of the serial link: COBS(payload, CRC-32) between zero bytes (docs/link.md)."""

from __future__ import annotations

import struct
import zlib

from cobs import cobs

CRC_BYTES = 4
LONGEST_FRAME = 1 << 20  # encoded bytes; more without a zero byte is noise
GREETING = b"pyexport: "  # how the line of text begins that a board sends when it starts

_CASTAGNOLI = 0x82F63B78


def encode_frame(payload: bytes) -> bytes:
    """Return the bytes of a frame on the line, with a zero byte before and after it.

    The one before ends whatever noise the other side took for the beginning of a frame.
    """
    crc = struct.pack("<I", zlib.crc32(payload))
    return b"\0" + bytes(cobs.encode(payload + crc)) + b"\0"


def decode_frame(frame: bytes) -> bytes | None:
    """Return the payload of what stood between two zero bytes; None if it was no whole frame."""
    try:
        data = bytes(cobs.decode(frame))
    except cobs.DecodeError:
        return None
    payload, crc = data[:-CRC_BYTES], data[-CRC_BYTES:]
    if not payload or struct.pack("<I", zlib.crc32(payload)) != crc:
        return None
    return payload


class FrameReader:
    """Takes payloads out of a stream of bytes; what is no whole frame is dropped and counted."""

    def __init__(self) -> None:
        self.dropped = 0
        self.greetings = 0  # of boards that started; these are no damage
        self._begun = bytearray()  # the bytes since the last zero

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads that end in `data`."""
        *ended, begun = data.split(b"\0")
        payloads = []
        for piece in ended:
            self._begun += piece
            payload = decode_frame(bytes(self._begun)) if self._begun else None
            if payload is not None:
                payloads.append(payload)
            elif GREETING in self._begun:
                self.greetings += 1
            elif self._begun:
                self.dropped += 1
            self._begun.clear()
        self._begun += begun
        if len(self._begun) > LONGEST_FRAME:
            self._begun.clear()
            self.dropped += 1
        return payloads


def _castagnoli_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ _CASTAGNOLI if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_TABLE = _castagnoli_table()


def crc32c(data: bytes, crc: int = 0) -> int:
    """Return the CRC-32C of `data`, continued from that of the bytes before (as zlib.crc32)."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
