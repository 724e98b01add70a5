"""Finds compilers, names their versions, and runs them with one clear error when they fail."""

from __future__ import annotations

import atexit
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pyexport.errors import ToolFailedError, ToolMissingError, UsageError
from pyexport.targets import Target

# every warning of the project's C style, as errors
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wundef",
    "-Wcast-qual",
    "-Werror",
)

# compiler -> what brings it
_PACKAGES = {
    "zig": "pip install ziglang",
    "gcc": "apt-get install gcc",
    "clang": "apt-get install clang libclang-rt-dev",
    "cc": "apt-get install gcc",
    "arm-none-eabi-gcc": "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "riscv64-unknown-elf-gcc": "apt-get install gcc-riscv64-unknown-elf",
    "avr-gcc": "apt-get install gcc-avr avr-libc",
}
_BUILD_SECONDS = 300  # a first link with zig also builds its runtime library


@dataclass(frozen=True)
class Compiler:
    """A C compiler that is installed here."""

    name: str  # "zig", "gcc", "arm-none-eabi-gcc"
    kind: str  # "zig", "gcc" or "clang": which flags it takes
    c: tuple[str, ...]  # command that compiles C
    cxx: tuple[str, ...]  # command that compiles C++, empty without one
    version: str  # "zig cc 0.17.1 (clang 22.1.8)"


def run_tool(
    command: Sequence[str], *, cwd: Path, what: str, timeout: float = _BUILD_SECONDS
) -> str:
    """Run a tool and return its standard output.

    Raises ToolFailedError with the first error that it printed, or with the fact that it hung.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise ToolFailedError(f"{what}: {command[0]} did not end in {timeout:g} s") from None
    except OSError as error:
        raise ToolFailedError(f"{what}: cannot start {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise ToolFailedError(f"{what}: {first_error(done.stderr or done.stdout, done.returncode)}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Return the environment of a tool; zig needs a place for its cache even without a home."""
    environment = dict(os.environ)
    if not environment.get("HOME") and not environment.get("XDG_CACHE_HOME"):
        for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
            environment.setdefault(name, str(_cache_dir()))
    return environment


@cache
def _cache_dir() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pyexport-zig-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def first_error(printed: str, returncode: int) -> str:
    """Return the first line that says what went wrong, or the exit status if none does."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    for line in lines:
        if re.search(r"\berror\b|undefined reference|undefined symbol|overflowed", line):
            return line
    return lines[0] if lines else f"exit status {returncode}"


def package_of(tool: str) -> str:
    """Return the command that installs a compiler."""
    return _PACKAGES[tool]


@cache
def find_compiler(name: str) -> Compiler:
    """Return the compiler called `name`; raises ToolMissingError, which names the package."""
    if name not in _PACKAGES:
        raise UsageError(f"unknown compiler {name!r}; known: {', '.join(_PACKAGES)}")
    if name == "zig":
        return _zig()
    path = shutil.which(name)
    if path is None:
        raise ToolMissingError(f"{name} is not installed: {_PACKAGES[name]}")
    text = run_tool([path, "--version"], cwd=Path.cwd(), what=name, timeout=60)
    kind = "clang" if "clang" in text.splitlines()[0] else "gcc"
    plus = {"gcc": "g++", "clang": "clang++", "cc": "c++"}.get(name, name[:-3] + "g++")
    cxx = shutil.which(plus)
    return Compiler(
        name=name,
        kind=kind,
        c=(path,),
        cxx=(cxx,) if cxx else (),
        version=f"{kind if name == 'cc' else name} {_number(text, last=kind == 'gcc')}",
    )


def _zig() -> Compiler:
    spec = importlib.util.find_spec("ziglang")
    program = None
    if spec is not None and spec.origin is not None:
        program = shutil.which("zig", path=str(Path(spec.origin).parent))
    program = program or shutil.which("zig")
    if program is None:
        raise ToolMissingError(f"zig is not installed: {_PACKAGES['zig']}")
    version = run_tool([program, "version"], cwd=Path.cwd(), what="zig", timeout=60).strip()
    clang = run_tool([program, "cc", "--version"], cwd=Path.cwd(), what="zig cc", timeout=60)
    return Compiler(
        name="zig",
        kind="zig",
        c=(program, "cc"),
        cxx=(program, "c++"),
        version=f"zig cc {version} (clang {_number(clang, last=False)})",
    )


def _number(text: str, *, last: bool) -> str:
    """Return the version number on the first line; gcc's own comes after its packager's."""
    found = re.findall(r"\d+\.\d+(?:\.\d+)*", text.splitlines()[0])
    if not found:
        return "of unknown version"
    return str(found[-1] if last else found[0])


@cache
def compiler_problem(name: str) -> str | None:
    """Return why a compiler cannot be used here, None if it can."""
    try:
        find_compiler(name)
    except (ToolMissingError, ToolFailedError) as error:
        return str(error)
    return None


def compiler_for(target: Target, wanted: str | None) -> Compiler:
    """Return the compiler for a target: "zig", "gcc" or a full name; None: the usual one."""
    if target.family == "host":
        return _host_compiler(wanted)
    choice = wanted or target.compiler
    if choice == "zig" and target.zig_flags:
        return find_compiler("zig")
    if target.gcc and choice in ("gcc", target.gcc):
        return find_compiler(target.gcc)
    known = [name for name in ("zig" if target.zig_flags else "", target.gcc) if name]
    raise UsageError(f"{target.name}: no compiler {choice!r} for it; use {' or '.join(known)}")


def _host_compiler(wanted: str | None) -> Compiler:
    names = ("cc", "gcc", "clang", "zig")
    if wanted is not None:
        if wanted not in names:
            raise UsageError(f"host: no compiler {wanted!r} for it; use {', '.join(names)}")
        return find_compiler(wanted)
    for name in names:
        if compiler_problem(name) is None:
            return find_compiler(name)
    raise ToolMissingError(f"no C compiler found: {_PACKAGES['zig']}, or {_PACKAGES['gcc']}")
