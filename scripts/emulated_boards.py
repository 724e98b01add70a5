"""The firmware project on emulated boards, as a user drives it: `pio` in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = (
    "native",
    "qemu_cortex_m0",
    "qemu_cortex_m3",
    "qemu_cortex_m4",
    "qemu_cortex_m7",
    "qemu_cortex_m33",
    "qemu_riscv",
    "uno_sim",
    "mega_sim",
    "uno_sim_arduino",
)
SIM = Path("platform-pyexport", "sim.py")
_LEFT_OUT = shutil.ignore_patterns(".pio", "__pycache__", "harness", "model")


def free_port() -> int:
    """Return a TCP port of this computer that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class PioProject:
    """A firmware project and PlatformIO's core folder for it."""

    folder: Path
    core: Path

    def environment(self) -> dict[str, str]:
        """Return the variables that PlatformIO runs with."""
        ours = {
            "PLATFORMIO_CORE_DIR": str(self.core),
            "PLATFORMIO_DISABLE_PROGRESSBAR": "true",
            "PYEXPORT_BOARD_OWNER": str(os.getpid()),
            "PYEXPORT_OFFLINE": "1",
        }
        return {name: text for name, text in os.environ.items() if name != "PYEXPORT_MODEL"} | ours

    def start(self, *words: str | Path, terminal: int) -> subprocess.Popen[bytes]:
        """Start `pio` in the project at a terminal, a file descriptor."""
        return subprocess.Popen(
            [sys.executable, "-m", "platformio", *map(str, words)],
            cwd=self.folder,
            env=self.environment(),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )

    def pio(
        self, *words: str | Path, timeout: float = 300, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `pio` in the project, without a network; its boards end with this process."""
        return subprocess.run(
            [sys.executable, "-m", "platformio", *map(str, words)],
            cwd=self.folder,
            env=self.environment() | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextmanager
    def uploaded(self, environment: str) -> Iterator[str]:
        """Build and upload; yield the port of the board, which is stopped at the end."""
        number = free_port()
        port = f"socket://127.0.0.1:{number}"
        state = self.folder / ".pio" / "boards" / f"{environment}-{number}.json"
        try:
            done = self.pio("run", "-e", environment, "-t", "upload", "--upload-port", port)
            if done.returncode != 0:
                raise RuntimeError(f"{environment}: upload failed:\n{done.stdout}{done.stderr}")
            yield port
        finally:
            command = [sys.executable, str(self.folder / SIM), "stop", str(state)]
            subprocess.run(command, capture_output=True, check=True)


def prepare_core(core: Path) -> Path:
    """Make a core folder that needs no registry; return it."""
    environment = os.environ | {"PLATFORMIO_CORE_DIR": str(core), "PYTHON": sys.executable}
    command = [str(ROOT / "scripts" / "pio_setup"), "--offline"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return core


def copy_project(folder: Path, core: Path) -> PioProject:
    """Return a copy of the firmware project, with the example model."""
    shutil.copytree(ROOT / "firmware", folder, ignore=_LEFT_OUT)
    return PioProject(folder, core)
