"""Starts what emulates a board; its standard input and output are the board's serial line."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from boards import Board, BoardError, need_program
from images import flash_bytes, read_hex, read_image

_ARDUINO = Path("/usr/share/arduino/hardware/arduino/avr")  # Debian's arduino-core-avr
_SIMBOARD = Path(__file__).resolve().parent / "simboard.c"
_PR_SET_PDEATHSIG = 1


def arduino_core() -> Path:
    """Return the folder of Arduino's AVR core; raises BoardError where there is none."""
    folder = Path(os.environ.get("PYEXPORT_ARDUINO_AVR", _ARDUINO))
    if not (folder / "cores" / "arduino").is_dir():
        raise BoardError(
            f"{folder} has no Arduino core for AVR; Debian, Ubuntu: apt-get install "
            "arduino-core-avr (or name its folder in PYEXPORT_ARDUINO_AVR)"
        )
    return folder


def make_flash(board: Board, image: Path | None, flash_file: Path) -> None:
    """Write the flash of a simavr board: the image, and the bootloader where it has one."""
    flash = bytearray(b"\xff") * int(board.simulator["flash_bytes"])
    if image is not None:
        flash_bytes(read_image(image), flash, str(image))
    if board.has_bootloader:
        path = arduino_core() / "bootloaders" / "atmega" / board.simulator["bootloader"]
        flash_bytes(read_hex(path), flash, str(path))
    flash_file.parent.mkdir(parents=True, exist_ok=True)
    flash_file.write_bytes(flash)


def simboard() -> Path:
    """Return the simavr program of this platform; it is built once for each version of it."""
    digest = hashlib.sha256(_SIMBOARD.read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyexport"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        cache = Path(tempfile.gettempdir())
    program = cache / f"simboard-{digest}"
    if program.is_file():
        return program
    compiler = need_program("cc", "gcc")
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        made = Path(folder) / "simboard"
        command = [compiler, "-std=gnu99", "-O2", "-o", made, _SIMBOARD, "-lsimavr", "-lelf"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            first = next((line for line in result.stderr.splitlines() if "error" in line), "")
            raise BoardError(
                f"simavr's library is needed; Debian, Ubuntu: apt-get install libsimavr-dev "
                f"libelf-dev ({first.strip() or 'it does not link'})"
            )
        made.rename(program)
    return program


def command(
    board: Board, image: Path | None, flash_file: Path | None, *, bootloader: bool = True
) -> list[str]:
    """Return the command that emulates the board; a simavr board's flash must have been made.

    Without `bootloader` a board that has one starts with the image at once.
    """
    if board.kind == "simavr":
        first = board.simulator["bootloader_start"] if bootloader and board.has_bootloader else "0"
        clock = str(board.simulator["clock_hz"])
        return [str(simboard()), board.simulator["mcu"], clock, str(flash_file), first]
    if image is None:
        raise BoardError(f"{board.name} needs an image; build it with `pio run`")
    if board.kind == "host":
        return [str(image.resolve())]
    program = need_program(board.simulator["program"], board.simulator["package"])
    serial = ["-display", "none", "-monitor", "none", "-serial", "chardev:line"]
    stdio = ["-chardev", "stdio,id=line,signal=on"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    board_options = list(board.simulator["arguments"])
    return [program, *board_options, *stdio, *serial, *semihosting, "-kernel", str(image)]


def start(
    line: list[str], stdin: int | IO[bytes] | None, stdout: int | None
) -> subprocess.Popen[bytes]:
    """Start an emulator that ends when this process does, however that ends."""
    parent = os.getpid()

    def die_with_parent() -> None:
        # simboard takes this signal once it can; until then it must not end it
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(line, stdin=stdin, stdout=stdout, preexec_fn=die_with_parent)
