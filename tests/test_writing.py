"""Several files are written together or not at all, and no litter stays behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyexport.errors import OutputError
from pyexport.writing import write_together

FILES = {"a.h": b"header", "a.px": b"\x00\x01", "a.json": b"{}"}


def failing_at(call: int) -> Callable[[Path, Path], Path]:
    """Return a Path.replace whose call of this number fails as on an immutable file."""
    count = 0
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == call:
            raise PermissionError(1, "Operation not permitted", str(target))
        return real(self, target)

    return replace


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_all_files_appear_in_a_folder_that_is_made(tmp_path: Path) -> None:
    paths = write_together(tmp_path / "new" / "deep", FILES)
    assert [p.name for p in paths] == list(FILES)
    assert everything(tmp_path / "new" / "deep") == FILES


def test_names_may_lie_in_folders(tmp_path: Path) -> None:
    files = {"src/a.h": b"header", "a.json": b"{}", "src/deep/a.px": b"\x00"}
    write_together(tmp_path / "new", files)
    assert everything(tmp_path) == {f"new/{name}": data for name, data in files.items()}


def test_folders_made_for_files_that_cannot_be_written_are_gone_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir()
    monkeypatch.setattr(Path, "replace", failing_at(2))
    with pytest.raises(OutputError):
        write_together(tmp_path / "kept" / "new", {"src/a.h": b"", "test/deep/a.c": b""})
    assert [path.name for path in tmp_path.rglob("*")] == ["kept"]


def test_files_that_are_there_are_replaced(tmp_path: Path) -> None:
    write_together(tmp_path, {"a.h": b"old", "other": b"kept"})
    write_together(tmp_path, FILES)
    assert everything(tmp_path) == {**FILES, "other": b"kept"}


def test_a_file_in_the_way_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(OutputError) as caught:
        write_together(tmp_path / "out", FILES)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "out") in str(caught.value)
    assert everything(tmp_path) == {"out": b"mine"}


def test_a_folder_under_a_file_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(OutputError):
        write_together(tmp_path / "file" / "sub" / "out", FILES)
    assert everything(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("name", list(FILES))
def test_a_folder_in_the_way_of_a_file_changes_no_other_file(tmp_path: Path, name: str) -> None:
    old = {other: b"old" for other in FILES if other != name}
    write_together(tmp_path, old)
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match="in the way"):
        write_together(tmp_path, FILES)
    assert everything(tmp_path) == old


def test_folders_that_were_made_go_away_when_nothing_was_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_together(tmp_path / "new" / "deep", {"a" * 300: b""})  # no such name
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path / "made", {"a": b"1"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_file_that_cannot_be_replaced_puts_the_others_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, links: bool
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    old = {"a.h": b"old header", "a.json": b"old manifest"}  # a.px is new
    write_together(tmp_path, old)
    if not links:
        monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(Path, "replace", failing_at(call))
    with pytest.raises(OutputError, match="Operation not permitted"):
        write_together(tmp_path, FILES)
    assert everything(tmp_path) == old
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(old)


def test_a_file_that_cannot_be_put_back_is_kept_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_together(tmp_path, {"a.h": b"old header"})
    real = Path.replace

    def only_the_first(self: Path, target: Path) -> Path:
        if (self.name, target.name) == ("0.new", "a.h"):
            return real(self, target)
        raise PermissionError(1, "Operation not permitted", str(target))

    monkeypatch.setattr(Path, "replace", only_the_first)
    with pytest.raises(OutputError, match=r"a\.h could not be put back and lies in"):
        write_together(tmp_path, FILES)
    kept = [path for path in tmp_path.rglob("*.old") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [b"old header"]


def test_new_files_have_the_mode_that_the_umask_says(tmp_path: Path) -> None:
    write_together(tmp_path, FILES)
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "a.h").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_symbolic_link_is_put_back_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "a.h").symlink_to("target")
    monkeypatch.setattr(Path, "replace", failing_at(2))
    with pytest.raises(OutputError):
        write_together(tmp_path, FILES)
    assert (tmp_path / "a.h").readlink() == Path("target")
    assert everything(tmp_path) == {"a.h": b"mine", "target": b"mine"}
