"""export --package: libraries of five build systems; the CMake one is built, the rest is read."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from pyexport.codegen import PACKAGES
from tests.cli.command import contents, pyexport, refused

HEADERS = {
    "arduino": "src/digits.h",
    "platformio": "src/digits.h",
    "esp-idf": "include/digits.h",
    "zephyr": "include/digits.h",
    "cmake": "include/digits.h",
}
SENTENCE = "A neural network for microcontrollers: 64-8-10 network, int8, forward only."


@pytest.fixture(scope="module")
def packages(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The digits model as a library of every kind."""
    folder = tmp_path_factory.mktemp("packages")
    made = {}
    for kind in PACKAGES:
        made[kind] = folder / f"digits-{kind}"
        done = pyexport("export", model, "--package", kind, "--output", made[kind])
        assert done.status == 0, done.err
        assert f"package   {made[kind]} ({kind})" in done.out
    return made


def identity(folder: Path, kind: str) -> str:
    manifest = (folder / HEADERS[kind]).with_suffix(".json")
    return str(json.loads(manifest.read_text(encoding="utf-8"))["identity"])


def sentence(packages: dict[str, Path]) -> str:
    title = re.search(r"digits\.h - (.*)\n", (packages["cmake"] / HEADERS["cmake"]).read_text())
    assert title is not None
    return f"A neural network for microcontrollers: {title[1]}"


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_package_holds_the_header_that_export_writes(
    kind: str, packages: dict[str, Path], model: Path, tmp_path: Path
) -> None:
    assert pyexport("export", model, "--output", tmp_path).status == 0
    for suffix in (".h", ".px", ".json"):
        packed = (packages[kind] / HEADERS[kind]).with_suffix(suffix)
        assert packed.read_bytes() == (tmp_path / f"digits{suffix}").read_bytes()


@pytest.mark.parametrize("kind", PACKAGES)
def test_every_text_of_a_package_is_ascii_and_complete(
    kind: str, packages: dict[str, Path]
) -> None:
    for name, data in contents(packages[kind]).items():
        if data is not None and not name.endswith(".px"):
            text = data.decode("ascii")
            assert "{{" not in text
            assert "{%" not in text
            assert text.endswith("\n"), name
            assert not text.endswith("\n\n"), name


@pytest.mark.parametrize("kind", PACKAGES)
def test_the_readme_says_how_to_use_it_and_what_was_not_built(
    kind: str, packages: dict[str, Path]
) -> None:
    text = (packages[kind] / "README.md").read_text(encoding="ascii")
    assert "digits.h" in text
    assert identity(packages[kind], kind) in text
    assert ("do not build them" in text) == (kind in ("esp-idf", "zephyr"))


def test_the_arduino_library_has_every_property_that_arduino_asks_for(
    packages: dict[str, Path],
) -> None:
    text = (packages["arduino"] / "library.properties").read_text(encoding="ascii")
    properties = dict(line.split("=", 1) for line in text.splitlines())
    wanted = "name version author maintainer sentence paragraph category url architectures includes"
    assert list(properties) == wanted.split()
    assert properties["name"] == "digits"
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
    assert properties["architectures"] == "*"
    assert properties["category"] == "Data Processing"
    assert properties["includes"] == "digits.h"
    assert (packages["arduino"] / "examples" / "selftest" / "selftest.ino").is_file()


def test_the_platformio_library_names_its_header_and_its_example(
    packages: dict[str, Path],
) -> None:
    folder = packages["platformio"]
    document = json.loads((folder / "library.json").read_text(encoding="ascii"))
    assert (document["name"], document["headers"]) == ("digits", "digits.h")
    assert document["description"].startswith(sentence(packages))
    for example in document["examples"]:
        for file in example["files"]:
            assert (folder / example["base"] / file).is_file()
    for entry in document["export"]["include"]:
        assert (folder / entry).exists()


def test_the_esp_idf_component_registers_its_include_folder(packages: dict[str, Path]) -> None:
    folder = packages["esp-idf"]
    text = (folder / "CMakeLists.txt").read_text(encoding="ascii")
    assert 'idf_component_register(INCLUDE_DIRS "include")' in text
    document = yaml.safe_load((folder / "idf_component.yml").read_text(encoding="ascii"))
    assert document["version"] == "1.0.0"
    assert document["description"].startswith(sentence(packages))
    assert list(document["dependencies"]) == ["idf"]


def test_the_zephyr_module_names_files_that_are_there(packages: dict[str, Path]) -> None:
    folder = packages["zephyr"]
    document = yaml.safe_load((folder / "zephyr" / "module.yml").read_text(encoding="ascii"))
    assert document["name"] == "digits"
    assert (folder / document["build"]["cmake"] / "CMakeLists.txt").is_file()
    kconfig = (folder / document["build"]["kconfig"]).read_text(encoding="ascii")
    (symbol,) = re.findall(r"^config (\w+)\n\tbool ", kconfig, re.M)
    text = (folder / "zephyr" / "CMakeLists.txt").read_text(encoding="ascii")
    assert f"if(CONFIG_{symbol})" in text
    assert "zephyr_include_directories(${CMAKE_CURRENT_SOURCE_DIR}/../include)" in text


@pytest.mark.parametrize("kind", ["esp-idf", "zephyr"])
def test_cmake_reads_what_is_not_built_here(
    kind: str, packages: dict[str, Path], tmp_path: Path
) -> None:
    """CMake parses the files; its commands of ESP-IDF and Zephyr are replaced by recorders."""
    where = packages[kind] / ("zephyr" if kind == "zephyr" else "")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.15)\nproject(reader LANGUAGES NONE)\n"
        "function(idf_component_register)\n message(STATUS IDF:${ARGN})\nendfunction()\n"
        "function(zephyr_include_directories)\n message(STATUS ZEPHYR:${ARGN})\nendfunction()\n"
        f"set(CONFIG_PYEXPORT_DIGITS y)\nadd_subdirectory({where} part)\n",
        encoding="ascii",
    )
    printed = run(["cmake", "-S", str(tmp_path), "-B", str(tmp_path / "build")])
    said = f"ZEPHYR:{where}/../include" if kind == "zephyr" else "IDF:INCLUDE_DIRSinclude"
    assert said in printed


def run(command: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_the_cmake_package_builds_passes_its_test_and_is_found_where_it_is_installed(
    scheme: str, model: Path, tmp_path: Path
) -> None:
    package, build, installed = tmp_path / "package", tmp_path / "build", tmp_path / "installed"
    options = ("--name", "gesture", "--scheme", scheme, "--package", "cmake", "--output", package)
    assert pyexport("export", model, *options).status == 0
    run(["cmake", "-S", str(package), "-B", str(build), f"-DCMAKE_INSTALL_PREFIX={installed}"])
    run(["cmake", "--build", str(build)])
    assert "100% tests passed" in run(["ctest", "--test-dir", str(build)])
    run(["cmake", "--install", str(build)])
    assert (installed / "include" / "gesture.h").is_file()
    for name, how in (
        ("found", "find_package(gesture 1.0 REQUIRED)"),
        ("added", f"add_subdirectory({package} gesture)"),
    ):
        user = tmp_path / name
        user.mkdir()
        (user / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.15)\nproject(user LANGUAGES C)\n{how}\n"
            "add_executable(user main.c)\ntarget_link_libraries(user gesture::gesture)\n",
            encoding="ascii",
        )
        (user / "main.c").write_text(
            "#define GESTURE_SELFTEST 1\n#include <gesture.h>\n"
            "int main(void) { return gesture_selftest() ? 0 : 1; }\n",
            encoding="ascii",
        )
        run(["cmake", "-B", "build", f"-DCMAKE_PREFIX_PATH={installed}"], user)
        run(["cmake", "--build", "build"], user)
        run([str(user / "build" / "user")])


def test_the_folder_of_a_package_is_called_by_model_and_kind(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pyexport("export", model, "--package", "zephyr").status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["digits-zephyr"]


def test_an_unknown_package_is_refused_with_the_known_ones(model: Path, tmp_path: Path) -> None:
    line = refused(tmp_path, "export", model, "--package", "mbed", "--output", tmp_path / "x")
    assert line == (
        "--package mbed is unknown; use one of arduino, platformio, esp-idf, zephyr, cmake"
    )


def test_a_package_is_no_header(model: Path, tmp_path: Path) -> None:
    line = refused(tmp_path, "export", model, "--package", "cmake", "--output", tmp_path / "x.h")
    assert line.startswith("--package writes a folder")
