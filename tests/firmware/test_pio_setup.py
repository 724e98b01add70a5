"""scripts/pio_setup: PlatformIO without its registry, and nothing at all where that answers."""

from __future__ import annotations

import email.message
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest

from scripts.emulated_boards import ROOT, copy_project, prepare_core

pytest.importorskip("platformio")
SCRIPT = ROOT / "firmware" / "scripts" / "pio_setup.py"
REAL = {"atmelavr", "espressif32", "espressif8266", "nordicnrf52", "raspberrypi", "ststm32"}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pio_setup", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pio_setup = load()


@pytest.fixture
def core(tmp_path: Path) -> Path:
    return prepare_core(tmp_path / "core")


def with_registry(core: Path, answers: bool) -> str:
    """Run the script where the registry does or does not answer; return what it prints."""
    code = (
        "import sys, pio_setup; sys.argv = ['pio_setup']; "
        f"pio_setup.registry_answers = lambda: {answers}; sys.exit(pio_setup.main())"
    )
    environment = os.environ | {"PLATFORMIO_CORE_DIR": str(core), "PYTHONPATH": str(SCRIPT.parent)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def settings(core: Path) -> object:
    return json.loads((core / "appstate.json").read_text(encoding="utf-8"))["settings"]


def test_where_the_registry_answers_nothing_is_made(tmp_path: Path) -> None:
    assert with_registry(tmp_path / "core", True).endswith("nothing to prepare\n")
    assert not (tmp_path / "core" / "packages").exists()


def test_where_it_is_silent_the_packages_are_made(tmp_path: Path) -> None:
    core = tmp_path / "core"
    assert with_registry(core, False).count("\n") == 1
    version = pio_setup.tool_version("tool-scons")
    manifest = json.loads((core / "packages" / "tool-scons" / "package.json").read_text())
    assert (manifest["name"], manifest["version"]) == ("tool-scons", version)
    assert {path.name for path in (core / "platforms").iterdir()} == REAL
    assert settings(core) == pio_setup.SETTINGS


def test_what_was_made_is_removed_once_the_registry_answers(core: Path) -> None:
    assert "removed what was made" in with_registry(core, True)
    assert list((core / "packages").iterdir()) == []
    assert list((core / "platforms").iterdir()) == []
    assert settings(core) == {}


def test_what_platformio_installed_itself_is_left_alone(tmp_path: Path) -> None:
    core = tmp_path / "core"
    own = [core / "packages" / "tool-scons", core / "platforms" / "atmelavr"]
    for folder, manifest in zip(own, ("package.json", ".piopm"), strict=True):
        folder.mkdir(parents=True)
        (folder / manifest).write_text("{}", encoding="utf-8")
    prepare_core(core)
    prepare_core(core)
    left = [[path.name for path in folder.iterdir()] for folder in own]
    assert left == [["package.json"], [".piopm"]]
    with_registry(core, True)
    assert all(folder.is_dir() for folder in own)


def test_half_a_package_is_made_whole(tmp_path: Path) -> None:
    folder = tmp_path / "core" / "packages" / "tool-scons"
    (folder / "scons-local" / "SCons").mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "tool-', encoding="utf-8")  # the disk was full
    prepare_core(tmp_path / "core")
    assert (folder / "scons.py").is_file()
    assert (folder / pio_setup.MARKER).is_file()
    assert json.loads((folder / "package.json").read_text())["name"] == "tool-scons"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupt_leaves_no_half_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def stop(source: Path, target: Path, **_: object) -> None:
        target.mkdir(parents=True)
        (target / "Half.py").touch()
        raise error

    packages = tmp_path / "packages"
    pio_setup.make_scons(packages)
    before = sorted(packages.rglob("*"))
    monkeypatch.setattr(pio_setup.shutil, "copytree", stop)
    for folder in (packages, tmp_path / "new"):
        with pytest.raises(error):
            pio_setup.make_scons(folder)
    assert sorted(packages.rglob("*")) == before
    assert list((tmp_path / "new").iterdir()) == []


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "packages").touch()  # no folder can be made there
    code = "import sys, pio_setup; sys.argv += ['--offline']; sys.exit(pio_setup.main())"
    environment = os.environ | {
        "PLATFORMIO_CORE_DIR": str(tmp_path / "core"),
        "PYTHONPATH": str(SCRIPT.parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert str(tmp_path / "core" / "packages") in done.stderr


def test_a_silent_name_server_costs_no_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYEXPORT_OFFLINE", raising=False)
    over = threading.Event()

    def never(*_: object, **__: object) -> None:
        over.wait(60)
        raise OSError

    monkeypatch.setattr(urllib.request, "urlopen", never)
    started = time.monotonic()
    assert pio_setup.registry_answers(0.1) is False
    assert time.monotonic() - started < 20
    over.set()


@pytest.mark.parametrize(("status", "answers"), [(404, True), (403, False), (502, False)])
def test_a_proxy_that_refuses_is_not_the_registry(
    status: int, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(url: str, **_: float) -> None:
        raise urllib.error.HTTPError(url, status, "", email.message.Message(), None)

    monkeypatch.delenv("PYEXPORT_OFFLINE", raising=False)
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert pio_setup.registry_answers() is answers


def test_without_platformio_it_says_what_to_install(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(SCRIPT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert 'pip install "pyexport[firmware]"' in done.stderr


def test_a_real_board_says_at_once_that_its_platform_is_missing(core: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "firmware", core)
    started = time.monotonic()
    done = project.pio("run", "-e", "uno")
    assert time.monotonic() - started < 30  # PlatformIO itself takes 61 s
    assert done.returncode == 1
    assert "the PlatformIO platform atmelavr is not installed" in done.stderr
    assert f"run: python {SCRIPT}" in done.stderr


def test_a_missing_compiler_is_named_with_its_package(core: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "firmware", core)
    done = project.pio("run", "-e", "qemu_cortex_m4", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "arm-none-eabi-gcc is not on PATH" in done.stderr
    assert "apt-get install gcc-arm-none-eabi" in done.stderr
