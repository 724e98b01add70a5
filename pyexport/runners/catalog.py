"""Opens a runner by name and says which can be opened here; imports an emulator only when asked."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pyexport.errors import ToolMissingError, UsageError
from pyexport.runners.build import make_recipe
from pyexport.runners.compilers import compiler_for, compiler_problem
from pyexport.runners.protocol import HeaderInterface, Runner
from pyexport.targets import TARGETS, Target, get_target, roomy_target

if TYPE_CHECKING:
    from pyexport.runners.board import BoardRunner

# host variant -> its compiler
_HOST_COMPILERS = {"host-gcc": "gcc", "host-clang": "clang", "host-zig": "zig"}
_SANITIZED = "host-sanitized"

RUNNER_NAMES: tuple[str, ...] = (
    "host",
    *_HOST_COMPILERS,
    _SANITIZED,
    *(target.name for target in TARGETS if target.name != "host"),
)

# family -> Python modules that the runner imports, and the extra that brings them
_MODULES = {
    "host": ("elftools",),
    "arm": ("unicorn", "capstone", "elftools"),
    "riscv": ("unicorn", "capstone", "elftools"),
    "wasm": ("wasmtime",),
    "avr": ("elftools",),
}


def open_runner(
    name: str,
    header: Path,
    interface: HeaderInterface,
    *,
    compiler: str | None = None,
    optimize: str | None = None,
    shown: str | None = None,
    roomy: bool = False,
) -> Runner:
    """Return the runner called `name` for a header; nothing is compiled yet.

    `compiler` is "zig", "gcc", "clang" or the full name of a cross compiler, `optimize` is "-Os"
    or "-O2"; None takes what the target's record says. `shown` is what errors call the
    header. `roomy` gives a chip more flash and RAM than it has, so that what a model needs can be
    measured where it does not fit. Raises UsageError for a name or a choice
    that does not exist and ToolMissingError for a tool that is not installed.
    """
    target = roomy_target(target_of(name)) if roomy else target_of(name)
    _require_modules(name, target)
    if name in _HOST_COMPILERS and compiler is None:
        compiler = _HOST_COMPILERS[name]
    if name == _SANITIZED:
        from pyexport.runners.sanitized import SanitizedRunner, sanitizing_compiler

        compiler = compiler or sanitizing_compiler()
        recipe = make_recipe(
            target, header, interface, compiler=compiler, optimize=optimize, shown=shown
        )
        return SanitizedRunner(name, recipe)
    if target.family == "host":
        from pyexport.runners.host import HostRunner

        recipe = make_recipe(
            target, header, interface, compiler=compiler, optimize=optimize, shown=shown
        )
        return HostRunner(name, recipe)
    if target.family == "wasm":
        from pyexport.runners.wasm import WasmRunner

        recipe = make_recipe(
            target, header, interface, compiler=compiler, optimize=optimize, shown=shown
        )
        return WasmRunner(name, recipe)
    if target.family == "avr":
        from pyexport.runners.simavr import SimavrRunner, simavr_host

        simavr_host()
        recipe = make_recipe(
            target, header, interface, compiler=compiler, optimize=optimize, shown=shown
        )
        return SimavrRunner(name, recipe)
    from pyexport.runners.chip_image import WINDOW
    from pyexport.runners.unicorn_runner import UnicornRunner

    recipe = make_recipe(
        target, header, interface, compiler=compiler, optimize=optimize, window=WINDOW, shown=shown
    )
    return UnicornRunner(name, recipe)


def open_board(
    port: str,
    interface: HeaderInterface,
    identity: str,
    *,
    patience: float | None = None,
    progress: Callable[[int, int], None] = lambda done, rows: None,
) -> BoardRunner:
    """Return a runner for the board at a serial port or socket://HOST:PORT.

    `patience` is the time in seconds that one question may take. Raises UsageError for a port that
    cannot be opened and for a board that runs a model of another identity, LinkError for one that
    does not answer, and ToolMissingError.
    """
    require_board_modules()
    from pyexport.runners.board import BoardRunner
    from pyexport.runners.link import PATIENCE, open_link

    link = open_link(port, patience=PATIENCE if patience is None else patience)
    try:
        return BoardRunner(link, interface, identity, progress)
    except BaseException:
        link.close()
        raise


def require_board_modules() -> None:
    """Raise ToolMissingError if a Python package that speaks to boards is not installed."""
    for module, package in (("serial", "pyserial"), ("cobs", "cobs")):
        if importlib.util.find_spec(module) is None:
            raise ToolMissingError(
                f"--port: the Python package {package} is not installed:"
                " pip install 'pyexport[board]'"
            )


def available(name: str) -> str | None:
    """Return why the runner called `name` cannot run here, in one line; None if it can."""
    target = target_of(name)
    try:
        _require_modules(name, target)
        if name == _SANITIZED:
            from pyexport.runners.sanitized import sanitizing_compiler

            sanitizing_compiler()
        elif name in _HOST_COMPILERS:
            return compiler_problem(_HOST_COMPILERS[name])
        else:
            compiler_for(target, None)
        if target.family == "avr":
            from pyexport.runners.simavr import simavr_host

            simavr_host()
    except ToolMissingError as error:
        return str(error)
    return None


def target_of(name: str) -> Target:
    """Return the target that a runner runs; raises UsageError for an unknown runner."""
    if name not in RUNNER_NAMES:
        raise UsageError(f"unknown target {name!r}; known: {', '.join(RUNNER_NAMES)}")
    return get_target("host" if name.startswith("host-") else name)


def _require_modules(name: str, target: Target) -> None:
    for module in _MODULES[target.family]:
        if importlib.util.find_spec(module) is None:
            package = {"elftools": "pyelftools"}.get(module, module)
            raise ToolMissingError(
                f"{name}: the Python package {package} is not installed:"
                " pip install 'pyexport[sim]'"
            )
