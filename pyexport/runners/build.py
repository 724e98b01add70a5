"""Builds each (header, kind, compiler, flags) once a process, in a temporary folder."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pyexport.errors import UsageError
from pyexport.resources import resource_dir
from pyexport.runners.compilers import WARNINGS, Compiler, compiler_for, run_tool
from pyexport.runners.glue import HEADER_FILE, INTERFACE_FILE, header_text, interface_text
from pyexport.runners.protocol import HeaderInterface
from pyexport.targets import Target
from pyexport.untrusted import MAX_FILE_BYTES, read_regular

OPTIMIZE_LEVELS = ("-Os", "-O2")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a build makes, but for the kind of build."""

    target: Target
    compiler: Compiler
    optimize: str
    header: Path
    shown: str  # what errors call the header
    source: bytes  # the header's bytes, read once, so that all builds see the same
    interface: HeaderInterface
    extra_flags: tuple[str, ...] = ()
    window: int | None = None  # address of the host window; None without one

    @property
    def label(self) -> str:
        """Compiler, version and level, as tables name them."""
        return f"{self.compiler.version} {self.optimize}"

    @property
    def what(self) -> str:
        """How error messages name this build."""
        return f"{self.shown}: {self.target.name}, {self.compiler.version}"


def make_recipe(
    target: Target,
    header: Path,
    interface: HeaderInterface,
    *,
    compiler: str | None,
    optimize: str | None,
    extra_flags: tuple[str, ...] = (),
    window: int | None = None,
    shown: str | None = None,
) -> Recipe:
    """Return the recipe for a header; raises FileFormatError, UsageError or ToolMissingError."""
    if optimize is not None and optimize not in OPTIMIZE_LEVELS:
        known = " or ".join(OPTIMIZE_LEVELS)
        raise UsageError(f"{target.name}: unknown level {optimize!r}; use {known}")
    source = read_regular(header, MAX_FILE_BYTES, "the header of an export")
    return Recipe(
        target=target,
        compiler=compiler_for(target, compiler),
        optimize=optimize or target.optimize,
        header=header,
        shown=shown or str(header),
        source=source,
        interface=interface,
        extra_flags=extra_flags,
        window=window,
    )


def compile_flags(recipe: Recipe) -> list[str]:
    """Return the flags that every C file of a build gets."""
    chip = recipe.target.family not in ("host",)
    # Nobody reads debugging information here, and gcc would take half as long again to write it.
    # The code is the same. zig's own "without" leaves out the symbols too, which are read.
    debugging = "-g" if recipe.compiler.kind == "zig" else "-g0"
    flags = [recipe.optimize, debugging, "-std=c99", *WARNINGS, "-ffp-contract=off"]
    flags += ["-ffunction-sections", "-fdata-sections"]
    if chip:
        flags += ["-ffreestanding", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"]
    if recipe.compiler.kind == "zig":
        # the plain instruction set of the host, so that floats are computed without FMA
        flags += list(recipe.target.zig_flags) or ["-mcpu=baseline"]
    else:
        flags += list(recipe.target.gcc_flags)
    return [*flags, *recipe.extra_flags]


def build(
    recipe: Recipe, kind: str, product: str, make: Callable[[Recipe, str, Path], Path]
) -> Path:
    """Return what `make` made of this recipe, kind and product name; makes it at most once.

    `make` gets the recipe, the kind and a folder that holds the harness, the model's header and
    the two headers of glue.py.
    """
    key = hashlib.sha256(
        repr(
            (
                recipe.source,
                recipe.interface,
                recipe.target,
                recipe.compiler,
                recipe.optimize,
                recipe.extra_flags,
                recipe.window,
                kind,
                product,
            )
        ).encode()
    ).hexdigest()[:24]
    folder = _builds_dir() / key
    done = folder / "done"
    if done.exists():
        return folder / done.read_text(encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)  # an earlier attempt failed half way
    shutil.copytree(resource_dir("firmware") / "harness", folder)
    (folder / f"{recipe.interface.name}.h").write_bytes(recipe.source)
    (folder / INTERFACE_FILE).write_text(
        interface_text(recipe.interface, kind, is_chip=recipe.target.is_chip, window=recipe.window),
        encoding="utf-8",
    )
    (folder / HEADER_FILE).write_text(header_text(recipe.interface, kind), encoding="utf-8")
    made = make(recipe, kind, folder)
    done.write_text(made.name, encoding="utf-8")
    return made


def make_model_object(recipe: Recipe, kind: str, folder: Path) -> Path:
    """Compile pyx_model.c alone and return the object file."""
    del kind  # is in the headers of the folder already
    command = [*recipe.compiler.c, *compile_flags(recipe), "-c", "pyx_model.c", "-o", "model.o"]
    run_tool(command, cwd=folder, what=recipe.what)
    return folder / "model.o"


@cache
def _builds_dir() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pyexport-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def scratch_dir() -> Path:
    """Return a fresh folder that lives as long as this process."""
    return Path(tempfile.mkdtemp(dir=_builds_dir()))
