"""Reads zip archives of unknown origin: every limit is checked before a member is unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from pyexport.errors import FileFormatError
from pyexport.untrusted import (
    FREE_BYTES,
    MAX_EXPANSION,
    MAX_MEMBERS,
    MAX_NAME_BYTES,
    MAX_RATIO,
    MAX_TOTAL_BYTES,
    RATIO_FREE_BYTES,
    printable,
)

_MAX_DIRECTORY_BYTES = MAX_MEMBERS * (46 + 2 * MAX_NAME_BYTES)
_WAY_OUT = "no archive of PyTorch or NumPy is like that: save it again"
_END_RECORD = b"PK\x05\x06"
_ZIP64_RECORD, _ZIP64_LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
_ZIP64_BYTES = 56 + 20  # both; PyTorch writes them into small archives too

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,  # a compression method zipfile does not know
    RuntimeError,  # an encrypted member
    ValueError,  # also UnicodeDecodeError
    OverflowError,
)


class Archive:
    """The members of a zip file in memory; all of them passed the limits above."""

    def __init__(self, data: bytes, where: str, total_bytes: int | None = None) -> None:
        """Open the archive; raises FileFormatError naming `where`. Models take the usual limit."""
        self.where = where
        _check_directory(data, where)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except _DAMAGE as error:
            raise FileFormatError(
                f"{where}: truncated or damaged zip archive ({printable(error)}); "
                "copy or save it again"
            ) from None
        usual = min(MAX_TOTAL_BYTES, FREE_BYTES + MAX_EXPANSION * len(data))
        _check_members(members, where, total_bytes or usual)
        _check_places(members, where)
        self.names = tuple(member.filename for member in members if not member.is_dir())
        self.total_bytes = sum(member.file_size for member in members)

    def read(self, name: str) -> bytes:
        """Return the content of a member; raises FileFormatError if it is missing or damaged."""
        try:
            size = self._zip.getinfo(name).file_size
            with self._zip.open(name) as member:
                # One byte more makes zipfile check the sum. read() without a number would unpack
                # all of a member that holds more than it says.
                return member.read(size + 1)
        except KeyError:
            raise FileFormatError(
                f"{self.where}: the archive has no member {printable(name)}; save it again"
            ) from None
        except _DAMAGE as error:
            raise FileFormatError(
                f"{self.where}: member {printable(name)} is damaged ({printable(error)}); "
                "copy or save it again"
            ) from None


def _check_directory(data: bytes, where: str) -> None:
    """Refuse a huge directory before zipfile turns it into objects, and one that is not the end.

    A torch archive holds smaller archives: cut short, it could end with the directory of one.
    """
    end = data.rfind(_END_RECORD)
    whole = end >= 0 and len(data) >= end + 22
    if whole:
        count, size, offset, comment = struct.unpack_from("<HIIH", data, end + 10)
        if count > MAX_MEMBERS or size > _MAX_DIRECTORY_BYTES:
            raise FileFormatError(
                f"{where}: the archive has over {MAX_MEMBERS} members; {_WAY_OUT}"
            )
        before = size + offset + _zip64_bytes(data, end, count, size, offset)
        whole = end + 22 + comment == len(data) and before == end
    if not whole:
        raise FileFormatError(
            f"{where}: truncated or damaged zip archive (its directory is not at its end); "
            "copy or save it again"
        )


def _zip64_bytes(data: bytes, end: int, count: int, size: int, offset: int) -> int:
    """Return the bytes of the zip64 records before the end record, -1 if they contradict it."""
    if data[max(end - 20, 0) : max(end - 16, 0)] != _ZIP64_LOCATOR:
        return 0
    record = end - _ZIP64_BYTES
    if record < 0:
        return -1
    same = data[record : record + 4] == _ZIP64_RECORD
    stated = struct.unpack_from("<QQQ", data, record + 32) if same else ()
    (position,) = struct.unpack_from("<Q", data, end - 12)
    return _ZIP64_BYTES if stated == (count, size, offset) and position == record else -1


def _check_members(members: list[zipfile.ZipInfo], where: str, total_bytes: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise FileFormatError(f"{where}: the archive has over {MAX_MEMBERS} members; {_WAY_OUT}")
    seen: set[str] = set()
    for member in members:
        name = member.filename
        shown = f"{where}: member {printable(name)}"
        if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            raise FileFormatError(f"{shown} has a name over {MAX_NAME_BYTES} bytes; {_WAY_OUT}")
        parts = name.replace("\\", "/").split("/")
        if not name or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise FileFormatError(f"{shown} would leave the archive's folder; {_WAY_OUT}")
        if name in seen:
            raise FileFormatError(f"{shown} appears twice; {_WAY_OUT}")
        seen.add(name)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileFormatError(f"{shown} is packed by an unusual method; {_WAY_OUT}")
        packed = max(member.compress_size, 1)
        if member.file_size > RATIO_FREE_BYTES and member.file_size > MAX_RATIO * packed:
            raise FileFormatError(
                f"{shown} unpacks to over {MAX_RATIO} times its size (zip bomb); save it "
                "uncompressed if it is yours"
            )
        if member.flag_bits & 1:
            raise FileFormatError(f"{shown} is encrypted; save it without a password")
    if sum(member.file_size for member in members) > total_bytes:
        raise FileFormatError(
            f"{where}: the archive unpacks to over {total_bytes >> 20} MiB; save less in it"
        )


def _check_places(members: list[zipfile.ZipInfo], where: str) -> None:
    """Refuse members that share bytes of the file: a small file could unpack to many copies."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise FileFormatError(
                f"{where}: member {printable(member.filename)} overlaps another; {_WAY_OUT}"
            )
        end = member.header_offset + 30 + len(member.filename.encode()) + member.compress_size
