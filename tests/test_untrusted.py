"""Files are read within limits: a pipe or a device is refused at once, whatever reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pyexport import untrusted
from pyexport.artifact import read_artifact
from pyexport.errors import CalibrationError, FileFormatError, PyexportError
from pyexport.frontends import load_model, read_samples
from pyexport.runners.build import make_recipe
from pyexport.simulator.plain import read_plain
from pyexport.sniff_artifact import is_artifact
from pyexport.targets import get_target
from pyexport.untrusted import read_regular
from pyexport.verify.subject import subject_from_header
from tests.runners.toy import INTERFACE

READERS: dict[str, Callable[[Path], object]] = {
    "model": load_model,
    "samples": lambda path: read_samples(path, (4,)),
    "artifact": read_artifact,
    "definition": read_plain,
    "header": subject_from_header,
    "build": lambda path: make_recipe(
        get_target("host"), path, INTERFACE, compiler=None, optimize=None
    ),
}
SPECIAL: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}
HUGE = 3 << 30


def refusal(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises((FileFormatError, CalibrationError)) as caught:
        read(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    return line


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("reader", READERS)
def test_what_never_ends_is_refused_unread(tmp_path: Path, reader: str, kind: str) -> None:
    SPECIAL[kind](tmp_path / "x.px")
    line = refusal(READERS[reader], tmp_path / "x.px")
    assert "not a regular file" in line
    assert "copy it to a file first" in line


@pytest.mark.parametrize("reader", READERS)
def test_a_huge_file_is_refused_unread(tmp_path: Path, reader: str) -> None:
    with (tmp_path / "x.px").open("wb") as file:
        file.truncate(HUGE)  # takes no space on disk
    assert "over the limit of" in refusal(READERS[reader], tmp_path / "x.px")


@pytest.mark.parametrize("kind", SPECIAL)
def test_a_pipe_is_not_opened_to_see_whether_it_is_an_artifact(tmp_path: Path, kind: str) -> None:
    SPECIAL[kind](tmp_path / "x")
    assert not is_artifact(tmp_path / "x")


def test_the_limit_is_the_largest_size_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(100))
    assert len(read_regular(tmp_path / "f", 100, "a file")) == 100
    with pytest.raises(FileFormatError, match=r"over the limit of 99 bytes; name a file"):
        read_regular(tmp_path / "f", 99, "a file")


def test_a_file_that_lies_about_its_size_is_refused() -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("needs /proc, whose files have a size of 0")
    with pytest.raises(FileFormatError, match="over the limit of 10 bytes"):
        read_regular(Path("/proc/self/status"), 10, "a file")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "does not exist; check the path"),
        ("folder", "a directory; name a file in it"),
        ("bad\0name", "cannot be read"),
        ("file/below", "cannot be read"),
    ],
)
def test_a_path_that_leads_to_no_file_tells_the_way_out(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PyexportError) as caught:
        read_regular(tmp_path / name, 10, "a file")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_every_limit_of_the_readers_stands_in_one_file() -> None:
    """A limit elsewhere would be missed by whoever reads, or moves, the list of them."""
    root = Path(__file__).resolve().parent.parent
    package = root / "pyexport"
    names = ["tensorfile.py", "artifact.py", "graph_document.py", "statements.py"]
    readers = [*(package / "frontends").glob("*.py"), *(package / n for n in names)]
    readers.append(package / "scratch" / "checkpoint_reader.py")
    limit = re.compile(r"^_?(?:MAX|SNIFFED|FREE)_\w+ *= *[\d(]|<=? *(?:1 << |\d[\d_]{4,})", re.M)
    found = {path.name: limit.findall(path.read_text(encoding="utf-8")) for path in readers}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_page_of_formats_lists_every_limit() -> None:
    root = Path(__file__).resolve().parent.parent
    page = (root / "docs" / "formats.md").read_text(encoding="utf-8")
    names = [n for n in vars(untrusted) if re.match(r"(MAX|FREE|SNIFFED|RATIO|REUSE)_", n)]
    assert len(names) > 25
    assert [name for name in names if f"`{name}`" not in page] == []
