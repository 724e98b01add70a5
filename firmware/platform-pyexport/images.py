"""Reads what is flashed: ELF and Intel HEX files, as the bytes of an AVR's flash."""

from __future__ import annotations

import struct
from pathlib import Path

from boards import BoardError

_AVR_RAM = 0x800000  # avr-gcc puts RAM there; what is loaded lies below
_PT_LOAD = 1


def read_hex(path: Path) -> dict[int, bytes]:
    """Return the pieces of an Intel HEX file by their address."""
    pieces: dict[int, bytes] = {}
    base = 0
    for line in path.read_text(encoding="ascii").split():
        record = bytes.fromhex(line[1:])
        if sum(record) % 256 != 0 or len(record) != record[0] + 5:
            raise BoardError(f"{path}: a line of this HEX file is damaged: {line}")
        address, kind, data = int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
        if kind == 0:
            pieces[base + address] = data
        elif kind in (2, 4):
            base = int.from_bytes(data, "big") << (4 if kind == 2 else 16)
    return pieces


def read_elf(path: Path) -> dict[int, bytes]:
    """Return what a 32-bit ELF file loads, by its load address."""
    data = path.read_bytes()
    if data[:5] != b"\x7fELF\x01":
        raise BoardError(f"{path}: not a 32-bit ELF file; build it with `pio run`")
    (table,) = struct.unpack_from("<I", data, 28)
    size, count = struct.unpack_from("<HH", data, 42)
    pieces = {}
    for at in range(table, table + size * count, size):
        kind, offset, _, address, in_file = struct.unpack_from("<5I", data, at)
        if kind == _PT_LOAD and in_file and address < _AVR_RAM:
            pieces[address] = data[offset : offset + in_file]
    return pieces


def flash_bytes(pieces: dict[int, bytes], flash: bytearray, what: str) -> None:
    """Put the pieces into the flash; raises BoardError where they do not fit."""
    for address, piece in pieces.items():
        end = address + len(piece)
        if end > len(flash):
            raise BoardError(f"{what} reaches to {end:,}, the flash has {len(flash):,} bytes")
        flash[address:end] = piece


def read_image(path: Path) -> dict[int, bytes]:
    """Return the pieces of an ELF or HEX file."""
    if not path.is_file():
        raise BoardError(f"{path}: no such file; build it with `pio run`")
    return read_hex(path) if path.suffix == ".hex" else read_elf(path)
