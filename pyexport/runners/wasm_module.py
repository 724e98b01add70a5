"""Reads the few facts of a WebAssembly file that tables need: imports, code and data bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyexport.errors import ToolFailedError

_IMPORT, _CODE, _DATA = 2, 10, 11


@dataclass(frozen=True)
class WasmModule:
    """Sizes and imports of one module."""

    imports: tuple[str, ...]
    code_bytes: int
    data_bytes: int  # constant tables and initialized variables; WebAssembly keeps both alike
    data_end: int  # address behind the last initialized byte, 0 if there is none


def read_module(path: Path) -> WasmModule:
    """Read a module; raises ToolFailedError if the file is none."""
    data = path.read_bytes()
    if data[:8] != b"\0asm\1\0\0\0":
        raise ToolFailedError(f"{path.name}: the compiler wrote no WebAssembly module")
    imports: tuple[str, ...] = ()
    code_bytes = data_bytes = data_end = 0
    at = 8
    while at < len(data):
        section = data[at]
        size, at = _leb(data, at + 1)
        if section == _IMPORT:
            imports = _imports(data[at : at + size])
        if section == _CODE:
            code_bytes = size
        if section == _DATA:
            data_bytes, data_end = _data(data[at : at + size])
        at += size
    return WasmModule(imports, code_bytes, data_bytes, data_end)


def _data(section: bytes) -> tuple[int, int]:
    """Return how many bytes the data segments hold, and the address behind the last one."""
    count, at = _leb(section, 0)
    total = end = 0
    for _ in range(count):
        # flag 0, i32.const, address, end: what linkers write for initialized memory
        address, at = _leb(section, at + 2)
        size, at = _leb(section, at + 1)
        total, end, at = total + size, max(end, address + size), at + size
    return total, end


def _leb(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned LEB128 number and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _imports(section: bytes) -> tuple[str, ...]:
    """Return the names of an import section; the descriptions behind them are not read."""
    count, at = _leb(section, 0)
    if not count:
        return ()
    parts = []
    for _ in range(2):  # the first import's module and name are enough for a message
        size, at = _leb(section, at)
        parts.append(section[at : at + size].decode("utf-8", "replace"))
        at += size
    more = f" and {count - 1} more" if count > 1 else ""
    return (".".join(parts) + more,)
