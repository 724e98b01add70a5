"""Keeps emulated boards running behind `pio run -t upload`, one a port, and stops them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from boards import Board, BoardError, need_program
from emulator import make_flash

_SIM = Path(__file__).resolve().parent / "sim.py"
_START_S = 20.0
_FLASH_S = 120.0
IDLE_S = 600.0  # without a client a board ends after so many seconds


def port_number(port: str) -> int:
    """Return the TCP port of "socket://127.0.0.1:5331"; raises BoardError for other ports."""
    match = re.fullmatch(r"(?:socket://|net:)?(?:127\.0\.0\.1|localhost):(\d+)", port)
    if match is None or not 0 < int(match[1]) < 65536:
        raise BoardError(
            f"an emulated board's port is socket://127.0.0.1:NUMBER, not '{port}' (--upload-port)"
        )
    return int(match[1])


def _is_board(process: int) -> bool:
    """Return whether the process is a board that we started: numbers are used again."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(_SIM) in words and b"serve" in words


def stop(state: Path) -> bool:
    """Stop the board of this state file; return whether one ran."""
    try:
        process = int(json.loads(state.read_text(encoding="utf-8"))["process"])
    except (OSError, ValueError, KeyError):
        return False
    running = _is_board(process)
    if running:
        os.kill(process, signal.SIGTERM)
        until = time.monotonic() + 10
        while _is_board(process) and time.monotonic() < until:
            time.sleep(0.01)
        if _is_board(process):
            os.kill(process, signal.SIGKILL)
    state.unlink(missing_ok=True)
    return running


def start(board: Board, image: Path | None, port: int, state: Path) -> None:
    """Start a board that goes on when this process ends; its files lie beside the state file."""
    state.parent.mkdir(parents=True, exist_ok=True)
    stop(state)
    arguments = ["--board", board.name, "--port", str(port), "--idle", str(IDLE_S)]
    # A process may be named: when it ends, so does the board.
    arguments += ["--owner", os.environ.get("PYEXPORT_BOARD_OWNER", "0")]
    if board.kind == "simavr":
        arguments += ["--flash", str(state.with_suffix(".flash"))]
        if image is not None or not state.with_suffix(".flash").is_file():
            make_flash(board, image, state.with_suffix(".flash"))
    elif image is not None:
        flashed = state.with_suffix(".elf")
        flashed.unlink(missing_ok=True)  # an emulator may still have the old one open
        shutil.copy(image, flashed)
        arguments.append(str(flashed))
    with state.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(_SIM), "serve", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.stdout.close()
    if not first.startswith(b"port "):
        process.wait(_START_S)
        reason = state.with_suffix(".log").read_text(encoding="utf-8", errors="replace").strip()
        raise BoardError(reason.splitlines()[-1] if reason else f"{board.name} did not start")
    record = {"process": process.pid, "port": port, "board": board.name}
    state.write_text(json.dumps(record) + "\n", encoding="utf-8")


def running(state: Path) -> bool:
    """Return whether the board of this state file runs."""
    try:
        return _is_board(int(json.loads(state.read_text(encoding="utf-8"))["process"]))
    except (OSError, ValueError, KeyError):
        return False


def line_is_free(port: int) -> bool:
    """Return whether nobody else holds the serial line: a second client is hung up on at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.settimeout(0.2)
        try:
            return line.recv(1) != b""
        except TimeoutError:
            return True


def flash_by_bootloader(board: Board, image: Path, port: int, state: Path) -> None:
    """Flash a board as its owner would: avrdude talks to its bootloader over the serial line."""
    avrdude = need_program("avrdude", "avrdude")
    if not running(state):
        start(board, None, port, state)
    if not line_is_free(port):  # avrdude would wait for ever
        raise BoardError(f"port {port} is in use, by a monitor perhaps; close it and upload again")
    line = [avrdude, "-p", board.simulator["mcu"].replace("atmega", "m"), "-c", "arduino"]
    line += ["-P", f"net:127.0.0.1:{port}", "-D", "-U", f"flash:w:{image}:i"]
    try:
        result = subprocess.run(line, capture_output=True, text=True, timeout=_FLASH_S, check=False)
    except subprocess.TimeoutExpired:
        raise BoardError(f"avrdude did not end within {_FLASH_S:g} seconds; upload again") from None
    for text in (result.stdout + result.stderr).splitlines():
        if text.strip() and "ioctl(" not in text:  # a TCP port has no modem lines to ask for
            print(text)
    if result.returncode != 0:
        raise BoardError(f"avrdude could not flash {board.name} on port {port}; see above")
