"""The wheel and the sdist hold what they need, nothing else, and the wheel works on its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.test_docs import NOT_COPIED

ROOT = Path(__file__).resolve().parent.parent
PLANTED = (
    "firmware/.pio/build/firmware.elf",
    "firmware/__pycache__/x.pyc",
    "firmware/include/model/mine.h",  # what `export --firmware` puts there
    "templates/x.pyc",
)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both from a copy with leftovers in it; the wheel is built from the sdist."""
    folder = tmp_path_factory.mktemp("packaging")
    checkout = folder / "checkout"
    shutil.copytree(ROOT, checkout, ignore=NOT_COPIED, symlinks=True)
    for name in PLANTED:
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left over")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist")]
    done = subprocess.run([*command, str(checkout)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def wheel_names(dist: Path) -> list[str]:
    with zipfile.ZipFile(only(dist, "*.whl")) as wheel:
        return wheel.namelist()


def sdist_names(dist: Path) -> list[str]:
    """Return the sdist's file names without the folder that holds them all."""
    with tarfile.open(only(dist, "*.tar.gz")) as sdist:
        return [name.partition("/")[2] for name in sdist.getnames()]


def resource_names() -> list[str]:
    """Return the files of templates/ and firmware/ in the checkout, leftovers aside."""
    return [
        str(path.relative_to(ROOT))
        for folder in ("templates", "firmware")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file()
        and not {".pio", ".pio-core", "__pycache__", "build"} & set(path.relative_to(ROOT).parts)
        and path.relative_to(ROOT).parts[:3] != ("firmware", "include", "model")
    ]


def test_there_are_resources_to_pack() -> None:
    names = resource_names()
    assert "templates/model.h.j2" in names
    assert any(name.startswith("firmware/") for name in names)


def test_the_wheel_holds_every_resource_inside_the_package(dist: Path) -> None:
    assert {f"pyexport/{name}" for name in resource_names()} <= set(wheel_names(dist))


def test_the_wheel_holds_the_package_and_nothing_beside_it(dist: Path) -> None:
    tops = {name.split("/")[0] for name in wheel_names(dist)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pyexport"}


def test_the_sdist_holds_sources_resources_tests_and_license(dist: Path) -> None:
    wanted = {"pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "scripts/test"}
    wanted |= {"examples/digits_on_arduino/digits_on_arduino.ino"}
    wanted |= {"requirements/constraints.txt", "tests/test_packaging.py"}
    assert wanted | set(resource_names()) <= set(sdist_names(dist))


def test_leftovers_of_builds_are_in_neither(dist: Path) -> None:
    for names in (wheel_names(dist), sdist_names(dist)):
        left_over = [name for name in names if ".pio" in name or name.endswith(".pyc")]
        assert left_over + [name for name in names if "include/model/" in name] == []


def run_from_wheel(dist: Path, folder: Path, *arguments: str) -> str:
    """Run Python with the unpacked wheel as the only pyexport it can find; return its output."""
    unpacked = folder / "site"
    with zipfile.ZipFile(only(dist, "*.whl")) as wheel:
        wheel.extractall(unpacked)
    environment = os.environ | {"PYTHONPATH": str(unpacked), "NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_unpacked_wheel_finds_its_resources(dist: Path, tmp_path: Path) -> None:
    code = (
        "from pyexport.resources import resource_dir\n"
        "for name in ('templates', 'firmware'): print(resource_dir(name))"
    )
    site = tmp_path / "site" / "pyexport"
    printed = run_from_wheel(dist, tmp_path, "-c", code).split()
    assert printed == [str(site / "templates"), str(site / "firmware")]


def test_the_unpacked_wheel_runs_the_command(dist: Path, tmp_path: Path) -> None:
    code = "import sys; from pyexport.cli import main; sys.argv[1:] = ['--help']; main()"
    assert "export" in run_from_wheel(dist, tmp_path, "-c", code)


def test_the_unpacked_wheel_makes_a_firmware_project(dist: Path, tmp_path: Path) -> None:
    code = "import sys; from pyexport.cli import main; sys.argv[1:] = ['new', 'mine']; main()"
    assert "made      mine" in run_from_wheel(dist, tmp_path, "-c", code)
    made = {str(p.relative_to(tmp_path / "mine")) for p in (tmp_path / "mine").rglob("*")}
    assert {"platformio.ini", "src/main.cpp", "include/example/digits.px", "README.md"} <= made
    names = {name.removeprefix("firmware/") for name in resource_names() if "harness/" not in name}
    assert {name for name in names if not name.startswith("templates/")} <= made


def test_the_base_install_needs_no_extra(dist: Path, tmp_path: Path) -> None:
    extras = "torch sklearn scipy unicorn capstone wasmtime elftools ziglang safetensors"
    code = (
        f"import sys\nfor name in {extras.split()}: sys.modules[name] = None\n"
        "import pyexport.pipeline, pyexport.runners, pyexport.verify\n"
        "from pyexport.cli import main; sys.argv[1:] = ['--help']; main()"
    )
    assert "export" in run_from_wheel(dist, tmp_path, "-c", code)
