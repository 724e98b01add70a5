"""PlatformIO's view of the emulated boards: where their compilers come from."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from platformio.exception import UserSideException
from platformio.platform.base import PlatformBase

_SETUP = Path(__file__).resolve().parents[1] / "scripts" / "pio_setup.py"


def _registry_answers() -> bool:
    """Return whether PlatformIO's registry can be reached, within seconds."""
    if not _SETUP.is_file():  # then PlatformIO finds out by itself, which takes a minute
        return True
    spec = importlib.util.spec_from_file_location("pio_setup", _SETUP)
    assert spec is not None and spec.loader is not None
    setup: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    return bool(setup.registry_answers())


class Pyexport_boardsPlatform(PlatformBase):  # noqa: N801 (PlatformIO derives it from the name)
    def is_embedded(self) -> bool:
        """Make `pio test` start the program instead of a serial port."""
        return False

    def configure_default_packages(self, options: dict[str, Any], targets: list[str]) -> None:
        """Take the compiler from PATH, else from PlatformIO's registry where it has it."""
        if sys.platform == "win32":
            raise UserSideException("the emulated boards need Linux or macOS (Windows: use WSL)")
        build = self.board_config(options["board"]).get("build")
        for program, packages in build["requires"].items():
            if shutil.which(program) is None:
                self._use_package(build.get("package", ""), program, packages)
        super().configure_default_packages(options, targets)

    def _use_package(self, package: str, program: str, packages: str) -> None:
        installed = package in self.packages and self.get_package(package) is not None
        if package not in self.packages or not (installed or _registry_answers()):
            raise UserSideException(
                f"{program} is not on PATH; Debian, Ubuntu: apt-get install {packages}"
            )
        self.packages[package]["optional"] = False
