"""Several files are written together or not at all, and no litter stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyexport.errors import OutputError
from pyexport.writing import write_together

FILES = {"a.h": b"header", "a.px": b"\x00\x01", "a.json": b"{}"}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_all_files_appear_in_a_folder_that_is_made(tmp_path: Path) -> None:
    paths = write_together(tmp_path / "new" / "deep", FILES)
    assert [p.name for p in paths] == list(FILES)
    assert everything(tmp_path / "new" / "deep") == FILES


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
        write_together(tmp_path / "new" / "deep", {"no-such-folder/a.h": b""})
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
