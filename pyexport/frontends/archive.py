"""Reads zip archives of unknown origin: every limit is checked before a member is unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from pyexport.errors import FileFormatError
from pyexport.untrusted import printable

MAX_MEMBERS = 2_000
MAX_TOTAL_BYTES = 64 << 20  # unpacked, all members together
MAX_RATIO = 200  # unpacked / packed of one member ...
RATIO_FREE_BYTES = 1 << 20  # ... unless it unpacks to less than this
MAX_NAME_BYTES = 512
_MAX_DIRECTORY_BYTES = MAX_MEMBERS * (46 + 2 * MAX_NAME_BYTES)
_END_RECORD = b"PK\x05\x06"

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

    def __init__(self, data: bytes, where: str) -> None:
        """Open the archive; raises FileFormatError naming `where`."""
        self.where = where
        _check_directory_size(data, where)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except _DAMAGE as error:
            raise FileFormatError(
                f"{where}: truncated or damaged zip archive ({printable(error)}); "
                "copy or save it again"
            ) from None
        _check_members(members, where)
        self.names = tuple(member.filename for member in members if not member.is_dir())

    def read(self, name: str) -> bytes:
        """Return the content of a member; raises FileFormatError if it is missing or damaged."""
        try:
            return self._zip.read(name)
        except KeyError:
            raise FileFormatError(
                f"{self.where}: the archive has no member {printable(name)}; save it again"
            ) from None
        except _DAMAGE as error:
            raise FileFormatError(
                f"{self.where}: member {printable(name)} is damaged ({printable(error)})"
            ) from None


def _check_directory_size(data: bytes, where: str) -> None:
    """Refuse a huge directory before zipfile turns it into objects."""
    end = data.rfind(_END_RECORD)
    if end < 0 or len(data) < end + 22:
        raise FileFormatError(
            f"{where}: truncated zip archive (its directory is missing); copy or save it again"
        )
    count, size = struct.unpack_from("<HI", data, end + 10)
    if count > MAX_MEMBERS or size > _MAX_DIRECTORY_BYTES:
        raise FileFormatError(f"{where}: the archive has over {MAX_MEMBERS} members")


def _check_members(members: list[zipfile.ZipInfo], where: str) -> None:
    if len(members) > MAX_MEMBERS:
        raise FileFormatError(f"{where}: the archive has over {MAX_MEMBERS} members")
    if sum(member.file_size for member in members) > MAX_TOTAL_BYTES:
        raise FileFormatError(
            f"{where}: the archive unpacks to over {MAX_TOTAL_BYTES >> 20} MiB, "
            "more than any model for a microcontroller"
        )
    seen: set[str] = set()
    for member in members:
        name = member.filename
        shown = f"{where}: member {printable(name)}"
        if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            raise FileFormatError(f"{shown} has a name over {MAX_NAME_BYTES} bytes")
        parts = name.replace("\\", "/").split("/")
        if not name or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise FileFormatError(f"{shown} would leave the archive's folder")
        if name in seen:
            raise FileFormatError(f"{shown} appears twice")
        seen.add(name)
        packed = max(member.compress_size, 1)
        if member.file_size > RATIO_FREE_BYTES and member.file_size > MAX_RATIO * packed:
            raise FileFormatError(f"{shown} unpacks to over {MAX_RATIO} times its size (zip bomb)")
        if member.flag_bits & 1:
            raise FileFormatError(f"{shown} is encrypted")
