"""Archives that lie about their members: bombs, overlaps, paths, lengths, damage."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile

from scripts.hostile_files import clean
from scripts.hostile_files.case import EXPORTS, REFUSED, Case

_CENTRAL = b"PK\x01\x02"
_END = b"PK\x05\x06"
_LOCAL_SIZE, _CENTRAL_SIZE = 22, 24  # where the headers state the unpacked size


def cases() -> list[Case]:
    """Return the archives."""
    twin = clean.archive()
    packed = clean.archive(method=zipfile.ZIP_DEFLATED)
    deflated = zipfile.ZIP_DEFLATED
    bomb = clean.replaced({"data/bomb": bytes(48 << 20)}, method=deflated)
    inner = clean.zipped({"inner": bytes(60 << 20)}, deflated)
    files = {
        "zip-bomb": bomb,
        "zip-bomb-many": clean.replaced(
            {f"data/{i}": bytes(1 << 20) for i in range(80)}, method=deflated
        ),
        "zip-overlapping": _overlapping(),
        "zip-parent-folder": clean.replaced({"../../evil": b"x"}),
        "zip-absolute": _with_member("/etc/evil"),
        "zip-drive": _with_member("C:\\evil"),
        "zip-backslashes": _with_member("model\\..\\..\\evil"),
        "zip-twice": _twice(),
        "zip-long-name": _with_member("model/" + "n" * 5000),
        "zip-many-members": clean.replaced({f"data/{i}": b"" for i in range(2500)}),
        "zip-encrypted": _patched(twin, _CENTRAL, 8, b"\x01"),
        "zip-unknown-method": _patched(twin, _CENTRAL, 10, b"\x63\x00"),
        "zip-no-directory": twin[: twin.index(_CENTRAL)],
        "zip-suffix": twin + b"more",
        "zip-entry-count": _patched(twin, _END, 10, b"\xff\xff"),
        "zip-directory-offset": _patched(twin, _END, 16, b"\xff\xff\xff\x7f"),
        "zip-two-models": clean.replaced({"models/second.json": b"{}"}),
        "zip-two-roots": _with_member("other/archive_format"),
        "zip-crc": twin.replace(clean.floats(12), clean.floats(12)[::-1], 1),
    }  # fmt: skip
    found = [Case(name, data, twin) for name, data in files.items()]
    found += [
        Case("zip-lying-size", _lying(deflated), packed),
        Case("zip-lying-size-bzip2", _lying(zipfile.ZIP_BZIP2), packed),
        Case("zip-lying-size-lzma", _lying(zipfile.ZIP_LZMA), packed),
        Case(
            "zip-nested", clean.replaced({"data/inner.zip": inner}),
            clean.replaced({"data/inner.zip": clean.zipped({"inner": b"x"})}), "exports",
        ),
    ]  # fmt: skip
    found += [
        Case(f"zip-cut-{name}", twin[:at], twin) for name, at in clean.structures(twin).items()
    ]
    found += [
        Case(f"zip-cut-{percent}", twin[: len(twin) * percent // 100], twin)
        for percent in (1, 5, 20, 50, 80, 95, 99)
    ]
    evil = 'evil"; *) \\\\ \n??) \x1b[2J $(touch x) int evil(void){} .pt2'
    found.append(Case(evil, twin, twin, EXPORTS))  # its name goes into the header's comment
    numpy = clean.zipped({"inputs.npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O'"})
    found.append(Case("zip-numpy-objects", numpy, clean.zipped({"a.npy": b""}), twin_ends=REFUSED))
    return found


def _with_member(name: str) -> bytes:
    buffer = io.BytesIO(clean.archive())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"pt2")
    return buffer.getvalue()


def _twice() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, about the name
        return _with_member(clean.ROOT + clean.MODEL)


def _patched(data: bytes, mark: bytes, offset: int, content: bytes) -> bytes:
    start = data.rindex(mark) + offset
    return data[:start] + content + data[start + len(content) :]


def _lying(method: int) -> bytes:
    """Return an archive whose graph says it has 100 bytes and unpacks to 96 MiB."""
    true = 96 << 20
    bomb = clean.zipped({clean.ROOT + clean.MODEL: bytes(true)}, method)
    sizes = struct.pack("<I", true), struct.pack("<I", 100)
    data = bytearray(bomb)
    for start in (_LOCAL_SIZE, data.index(_CENTRAL) + _CENTRAL_SIZE):
        assert data[start : start + 4] == sizes[0]
        data[start : start + 4] = sizes[1]
    buffer = io.BytesIO(bytes(data))
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in clean.members().items():
            if name != clean.MODEL:
                archive.writestr(zipfile.ZipInfo(clean.ROOT + name), content)
    return buffer.getvalue()


def _overlapping() -> bytes:
    """Return an archive with 60 directory entries for the bytes of one packed member."""
    name = clean.ROOT + "data/bomb_00"
    buffer = io.BytesIO(clean.archive())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), bytes(1 << 20), zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    start, end = data.rindex(_CENTRAL), data.rindex(_END)
    entry = data[start:end]
    copies = b"".join(entry.replace(b"bomb_00", b"bomb_%02d" % i) for i in range(1, 60))
    count, size, offset = struct.unpack_from("<HII", data, end + 10)
    record = struct.pack("<HHIIH", count + 59, count + 59, size + len(copies), offset, 0)
    return data[:end] + copies + data[end : end + 8] + record
