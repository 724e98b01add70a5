"""Runners are opened by name; what is missing is named with the package that brings it."""

import subprocess
import sys
from pathlib import Path

import pytest

from pyexport.errors import FileFormatError, ToolFailedError, ToolMissingError, UsageError
from pyexport.runners import RUNNER_NAMES, available, open_runner
from pyexport.runners import catalog as catalog_module
from pyexport.runners import compilers as compilers_module
from pyexport.runners.compilers import find_compiler, first_error, run_tool
from tests.runners.support import open_toy
from tests.runners.toy import HEADER, INTERFACE


def test_an_unknown_runner_is_refused_with_the_known_names() -> None:
    with pytest.raises(UsageError, match="unknown target 'z80'; known: host, host-gcc"):
        open_runner("z80", HEADER, INTERFACE)
    with pytest.raises(UsageError, match="unknown target"):
        available("z80")


def test_an_unknown_level_or_compiler_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown level '-O3'; use -Os or -O2"):
        open_toy("cortex-m4", optimize="-O3")
    with pytest.raises(UsageError, match="use zig or arm-none-eabi-gcc"):
        open_toy("cortex-m4", compiler="clang")
    with pytest.raises(UsageError, match="use avr-gcc"):
        open_toy("atmega328p", compiler="zig")


def test_a_missing_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"none.h: the file does not exist"):
        open_toy("host", tmp_path / "none.h")


def test_importing_the_runners_imports_no_emulator() -> None:
    code = (
        "import sys, pyexport.runners as r; r.RUNNER_NAMES;"
        "print({'unicorn', 'capstone', 'wasmtime', 'elftools'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_missing_compiler_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers_module.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(compilers_module.importlib.util, "find_spec", lambda _: None)
    for name, package in (
        ("zig", "pip install ziglang"),
        ("avr-gcc", "apt-get install gcc-avr avr-libc"),
        ("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi"),
    ):
        with pytest.raises(ToolMissingError, match=f"{name} is not installed: {package}"):
            find_compiler.__wrapped__(name)


def test_versions_are_named_as_tables_print_them() -> None:
    compiler = open_toy("cortex-m4").compiler
    assert compiler.startswith("zig cc ")
    assert "(clang " in compiler
    assert compiler.endswith(" -O2")


def test_a_tool_that_hangs_or_cannot_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match=r"unit: sleep did not end in 0.1 s"):
        run_tool(["sleep", "5"], cwd=tmp_path, what="unit", timeout=0.1)
    with pytest.raises(ToolFailedError, match="unit: cannot start /no/tool"):
        run_tool(["/no/tool"], cwd=tmp_path, what="unit")


def test_the_first_error_line_is_quoted_not_the_first_line() -> None:
    assert first_error("In file a.c:\na.c:1: error: bad\na.c:2: error: worse\n", 1) == (
        "a.c:1: error: bad"
    )
    assert first_error("", 7) == "exit status 7"


@pytest.mark.parametrize("name", RUNNER_NAMES)
def test_a_runner_is_said_to_run_here_only_if_it_opens(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if available(name) is None:
        assert open_runner(name, HEADER, INTERFACE).name == name
    else:
        with pytest.raises(ToolMissingError):
            open_runner(name, HEADER, INTERFACE)
    monkeypatch.setattr(catalog_module.importlib.util, "find_spec", lambda _: None)
    missing = available(name)
    assert missing is not None
    assert missing.startswith(f"{name}: the Python package ")


def test_zig_builds_without_a_home(tmp_path: Path) -> None:
    runner = open_toy("cortex-m4")
    assert runner.compiler.startswith("zig")
    code = (
        "from pathlib import Path; from tests.runners.toy import HEADER, INTERFACE, toy_inputs;"
        "from pyexport.runners import open_runner;"
        "r = open_runner('cortex-m4', HEADER, INTERFACE);"
        "print(r.run(toy_inputs(5)).outputs.shape)"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert (done.stdout.strip(), done.stderr) == ("(5, 2)", "")
