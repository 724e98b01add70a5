"""pyexport new and export --firmware: a project of one's own, and the model that it runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyexport.project import installed_name
from tests.cli.command import contents, pyexport, refused

ROOT = Path(__file__).resolve().parent.parent.parent
FIRMWARE = ROOT / "firmware"
GENERATED = {".pio", ".pio-core", "__pycache__", "build"}


def project_sources() -> set[str]:
    """Return what a new project holds: firmware/ without what was built or exported there."""
    files = (path.relative_to(FIRMWARE) for path in FIRMWARE.rglob("*") if path.is_file())
    return {
        str(path)
        for path in files
        if not GENERATED & set(path.parts)
        and path.parts[0] != "harness"
        and path.parts[:2] != ("include", "model")
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    assert pyexport("new", folder).status == 0
    return folder


def test_a_new_project_holds_all_of_firmware_but_the_harness(project: Path) -> None:
    files = {name for name, data in contents(project).items() if data is not None}
    assert files == project_sources() | {"README.md", ".gitignore"}
    assert "platformio.ini" in files


def test_the_copies_are_equal(project: Path) -> None:
    for name in project_sources():
        assert (project / name).read_bytes() == (FIRMWARE / name).read_bytes(), name


def test_new_says_what_comes_next(tmp_path: Path) -> None:
    done = pyexport("new", tmp_path / "mine")
    assert f"pyexport export MODEL --firmware {tmp_path / 'mine'}" in done.out
    assert "pio run" in done.out


def test_new_prints_json(tmp_path: Path) -> None:
    document = json.loads(pyexport("new", tmp_path / "mine", "--json").out)
    assert document["folder"] == str(tmp_path / "mine")
    assert "src/main.cpp" in document["files"]


def test_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert pyexport("new", tmp_path / "mine").status == 0
    assert (tmp_path / "mine" / "platformio.ini").is_file()


@pytest.mark.parametrize("link", [False, True])
def test_the_empty_folder_may_be_this_one_or_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to("mine")
    monkeypatch.chdir(tmp_path if link else tmp_path / "mine")
    done = pyexport("new", "link" if link else ".", "--json")
    assert done.status == 0, done.err
    files = {name for name, data in contents(tmp_path / "mine").items() if data is not None}
    assert files == project_sources() | {"README.md", ".gitignore"}
    assert set(json.loads(done.out)["files"]) == files
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine"]


def test_an_empty_folder_stays_empty_where_a_project_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target == tmp_path / "mine" / "src":
            raise PermissionError(1, "Operation not permitted")
        return real(self, target)

    (tmp_path / "mine").mkdir()
    monkeypatch.setattr(Path, "rename", rename)
    assert "Operation not permitted" in refused(tmp_path, "new", tmp_path / "mine")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep", encoding="utf-8")
    assert "exists already" in refused(tmp_path, "new", tmp_path / "mine")


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep", encoding="utf-8")
    assert "exists already" in refused(tmp_path, "new", tmp_path / "mine")
    assert "cannot make it" in refused(tmp_path, "new", tmp_path / "mine" / "deeper")


def test_an_export_becomes_the_projects_model(model: Path, project: Path) -> None:
    assert installed_name(project) == "digits"
    done = pyexport("export", model, "--name", "gesture", "--firmware", project)
    assert done.status == 0, done.err
    assert f"{project} now runs gesture (before: digits)" in done.out
    assert sorted(path.name for path in (project / "include" / "model").iterdir()) == [
        "gesture.h", "gesture.json", "gesture.px", "pyexport.h"
    ]  # fmt: skip
    assert installed_name(project) == "gesture"


def test_the_next_model_takes_the_place_of_the_files_of_the_one_before(
    model: Path, project: Path
) -> None:
    folder = project / "include" / "model"
    assert pyexport("export", model, "--name", "first", "--firmware", project).status == 0
    for mine in ("notes.txt", "first.txt", "first_table.h"):
        (folder / mine).write_text("keep", encoding="utf-8")
    assert pyexport("export", model, "--name", "second", "--firmware", project).status == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "first.txt", "first_table.h", "notes.txt", "pyexport.h",
        "second.h", "second.json", "second.px",
    ]  # fmt: skip


def test_with_output_the_files_go_to_both(model: Path, project: Path, tmp_path: Path) -> None:
    done = pyexport("export", model, "--output", tmp_path / "out", "--firmware", project, "--json")
    files = json.loads(done.out)["files"]
    assert str(tmp_path / "out" / "digits.h") in files
    assert str(project / "include" / "model" / "digits.h") in files


def test_a_folder_that_is_no_project_is_refused(model: Path, tmp_path: Path) -> None:
    line = refused(tmp_path, "export", model, "--firmware", tmp_path)
    assert line.startswith(f"--firmware {tmp_path}: not a firmware project")
    assert "pyexport new" in line


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as far as scripts/export.py needs one."""
    folder = tmp_path / "checkout"
    for name in ("pyexport", "templates", "firmware"):
        ignored = shutil.ignore_patterns("__pycache__", ".pio*", "model")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "export.py", folder / "scripts")
    return folder


def export_script(checkout: Path, *arguments: object) -> str:
    command = [sys.executable, str(checkout / "scripts" / "export.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout


def test_the_script_puts_the_model_into_the_checkouts_firmware_and_says_so(
    model: Path, checkout: Path
) -> None:
    printed = export_script(checkout, model, "--name", "gesture")
    assert "header    gesture.h\n" in printed
    assert "firmware  firmware now runs gesture (before: digits)\n" in printed
    assert (checkout / "gesture.px").is_file()
    assert installed_name(checkout / "firmware") == "gesture"


def test_the_script_leaves_the_firmware_alone_where_a_place_is_named(
    model: Path, checkout: Path
) -> None:
    assert "firmware" not in export_script(checkout, model, "--output", "out")
    assert "firmware" not in export_script(checkout, model, "--output=out")
    assert not (checkout / "firmware" / "include" / "model").exists()
