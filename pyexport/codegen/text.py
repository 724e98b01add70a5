"""Numbers and tables as C text."""

import math
import struct
from collections.abc import Sequence

C_TYPES = {
    "u8": "uint8_t",
    "s8": "int8_t",
    "u16": "uint16_t",
    "s16": "int16_t",
    "s32": "int32_t",
    "u32": "uint32_t",
    "f32": "float",
}
READERS = {
    "u8": "PYEXPORT_READ_U8",
    "s8": "PYEXPORT_READ_S8",
    "u16": "PYEXPORT_READ_U16",
    "s16": "(int16_t)PYEXPORT_READ_U16",
    "s32": "PYEXPORT_READ_S32",
    "f32": "PYEXPORT_READ_F32",
}
_STRUCT = {"u8": "B", "s8": "b", "u16": "H", "s16": "h", "s32": "i", "f32": "f"}

MAX_LINE = 100
_SMALLEST_NORMAL, _LARGEST = 2.0**-126, (2.0 - 2.0**-23) * 2.0**127


def c_float(value: float) -> str:
    """Return a C literal of the float32 nearest to value: nine digits always name it exactly."""
    if not math.isfinite(value):
        raise ValueError(f"{value!r} has no C literal")
    text = f"{_single(value):.9g}"
    if not any(c in text for c in ".e"):
        text += ".0"
    return text + "f"


def fits_float(value: float) -> bool:
    """Return whether C's float holds value with all its digits: not too large, not subnormal."""
    return _SMALLEST_NORMAL <= abs(value) <= _LARGEST


def c_int(value: int) -> str:
    """Return a C literal; the least int32 is written so that no literal overflows."""
    if value == -(2**31):
        return "(-2147483647 - 1)"
    return str(value)


def signed(value: int) -> str:
    """Return an integer for a #define: in parentheses if it is negative."""
    return f"({value})" if value < 0 else str(value)


def counter_type(largest: int) -> str:
    """Return the C type of a loop counter that reaches `largest`."""
    return "uint_fast16_t" if largest <= 0xFFFF else "uint_fast32_t"


def table_values(dtype: str, data: bytes) -> str:
    """Return the elements of a table, aligned in columns, at most 100 characters a line."""
    count = len(data) // struct.calcsize(_STRUCT[dtype])
    values = struct.unpack(f"<{count}{_STRUCT[dtype]}", data)
    return columns([c_float(v) if dtype == "f32" else c_int(v) for v in values])


def columns(texts: Sequence[str]) -> str:
    """Return comma-separated texts in aligned columns, a power of two of them a line."""
    width = max(len(t) for t in texts)
    per_line = 16
    while per_line > 1 and 4 + per_line * (width + 2) > MAX_LINE:
        per_line //= 2
    lines = []
    for start in range(0, len(texts), per_line):
        row = texts[start : start + per_line]
        lines.append("    " + ", ".join(t.rjust(width) for t in row) + ",")
    return "\n".join(lines)


def _single(value: float) -> float:
    """Return the float32 nearest to value; raises ValueError if it is infinite."""
    try:
        single: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        raise ValueError(f"{value!r} is too large for a C float") from None
    return single
