"""A hostile or damaged zip archive ends in a PyexportError of one line that tells a way out."""

import io
import struct
import zipfile

import pytest

from pyexport.errors import FileFormatError
from pyexport.frontends import archive
from pyexport.frontends.sniff import identify
from tests.frontends.hostile import CLEAN, MODEL, WEIGHTS, refusal
from tests.frontends.models import rezip


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, content in members:
            target.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped([("a/archive_format", b"pt2")]))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped([("m/a", bytes(8 << 20))]), "zip bomb"),
        (zipped([(f"m/{i}", b"") for i in range(2001)]), "over 2000 members"),
        (zipped([("../evil", b"x")]), "leave the archive's folder"),
        (zipped([("a/../../evil", b"x")]), "leave the archive's folder"),
        (zipped([("/etc/evil", b"x")]), "leave the archive's folder"),
        (zipped([("C:\\evil", b"x")]), "leave the archive's folder"),
        (zipped([("..\\evil", b"x")]), "leave the archive's folder"),
        (zipped([("n" * 600, b"x")]), "name over 512 bytes"),
        (encrypted(), "encrypted"),
        (b"prefix" + CLEAN, "not a model file"),
        (CLEAN + b"suffix", "directory is not at its end"),
        (b"PK\x03\x04" + CLEAN, "directory is not at its end"),
        (rezip(CLEAN, lambda n, c: None if n == WEIGHTS else c), "0.weight is not in the archive"),
        (rezip(CLEAN, lambda n, c: None if n == MODEL else c), "without a model"),
    ],
)
def test_a_hostile_zip_is_refused(data, message):
    if message in {"not a model file", "without a model"}:
        assert message in identify(data, "m.pt").what
        return
    line = refusal(data)
    assert message in line
    assert "save" in line or "suffix" in line or "copy" in line, "it tells a way out"


def test_a_member_that_appears_twice_is_refused():
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped([("m/a", b"1"), ("m/a", b"2")])
    assert "appears twice" in refusal(data)


def test_two_models_in_one_archive_are_refused():
    buffer = io.BytesIO(CLEAN)
    with zipfile.ZipFile(buffer, "a") as target:
        target.writestr("archive/models/second.json", b"{}")
    assert "holds 2 models" in refusal(buffer.getvalue())


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 1000)
    assert "unpacks to over" in refusal(CLEAN)


def test_a_zip64_directory_is_refused():
    data = zipped([("m/a", b"1")])
    end = data.index(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    grown = struct.pack("<I", struct.unpack_from("<I", data, end + 12)[0] + len(locator))
    forged = data[:end] + locator + data[end : end + 12] + grown + data[end + 16 :]
    assert "damaged zip archive" in refusal(forged)


def test_a_zip64_record_cut_off_by_the_start_of_the_file_is_refused():
    locator = b"PK\x06\x07" + bytes(16)
    end = b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", 1, 1, 46, 0, 0)
    with pytest.raises(FileFormatError, match="damaged zip archive"):
        archive.Archive(b"PK\x06\x06" + locator + end, "m.pt")
