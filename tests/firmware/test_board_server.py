"""The program that serves an emulated board on a TCP port: one client, and never for ever."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.emulated_boards import ROOT, SIM

if sys.platform != "linux":
    pytest.skip("boards die with their server only on Linux", allow_module_level=True)

Start = Callable[..., "Served"]


class Served:
    """A served board, here a shell script that says "boot" and sends back what it gets."""

    def __init__(self, image: Path, *options: str) -> None:
        command = [sys.executable, str(ROOT / "firmware" / SIM), "serve", "--board", "host"]
        self.process = subprocess.Popen(
            [*command, *options, str(image)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        self.port = int(first.split()[1]) if first else 0

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in path.read_text(encoding="ascii").split()]

    def end(self) -> tuple[int, str]:
        """Wait for its end; return status and the last line of its messages."""
        _, messages = self.process.communicate(timeout=20)
        return self.process.returncode, messages.strip().splitlines()[-1] if messages else ""


def read_exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := line.recv(size - len(data))):
        data += piece
    return data


def script(folder: Path, text: str) -> Path:
    path = folder / "board"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def gone(process: int) -> bool:
    """Wait until a process has ended; False if it has not within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{process}/stat").read_text(encoding="ascii").split()[2] == "Z":
                return True
        except OSError:
            return True
    return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Served] = []

    def run(*options: str, image: str = "exec cat") -> Served:
        started.append(Served(script(tmp_path, image), *options))
        return started[-1]

    yield run
    for served in started:
        served.process.kill()
        served.process.communicate()


def test_bytes_pass_both_ways_and_none_is_lost(start: Start) -> None:
    data = bytes(range(256)) * 2000
    with start().connect() as line:
        writer = threading.Thread(target=line.sendall, args=(data,))  # both ways fill up
        writer.start()
        assert read_exactly(line, len(data)) == data
        writer.join()


def test_a_second_client_is_turned_away(start: Start) -> None:
    served = start()
    with served.connect() as first:
        first.sendall(b"a")
        assert first.recv(1) == b"a"
        with served.connect() as second:
            assert second.recv(1) == b""
        first.sendall(b"b")
        assert first.recv(1) == b"b"
    with served.connect() as third:
        third.sendall(b"c")
        assert third.recv(1) == b"c"


def test_the_reset_button_starts_the_board_anew(start: Start) -> None:
    served = start(image="echo boot; exec cat")
    with served.connect() as line:
        line.sendall(b"x")
        assert read_exactly(line, 1) in (b"x", b"b")  # the first boot may be over already
        served.process.send_signal(signal.SIGUSR1)
        data = b""
        while b"boot\n" not in data:
            data += line.recv(100)


def test_it_ends_without_a_client(start: Start) -> None:
    assert start("--idle", "0.2").end() == (0, "")


def test_it_ends_with_its_owner(start: Start) -> None:
    owner = subprocess.Popen(["sleep", "60"])
    served = start("--owner", str(owner.pid))
    owner.kill()
    owner.wait()
    assert served.end() == (0, "")


def test_the_board_ends_with_its_server_however_that_ends(start: Start) -> None:
    served = start()
    (board,) = served.children()
    served.process.kill()
    assert gone(board)


def test_a_board_that_ends_by_itself_gives_its_status(start: Start) -> None:
    served = start(image="exit 7")
    assert served.end() == (7, "host: the board ended with status 7")


def test_a_taken_port_is_said_in_one_line(start: Start) -> None:
    first = start()
    status, line = start("--port", str(first.port)).end()
    assert status == 2
    assert line.startswith(f"port {first.port} is taken by another program")


def test_what_cannot_be_run_is_said_in_one_line(tmp_path: Path) -> None:
    hex_file = tmp_path / "bad.hex"
    hex_file.write_text(":0400000001020304F3\n", encoding="ascii")
    for words, expected in (
        (("--board", "qemu_m4", "x.elf"), "no emulated board 'qemu_m4'; boards: host, "),
        (("--board", "uno_sim", str(tmp_path / "no.elf")), "no such file; build it with `pio run`"),
        (("--board", "uno_sim", str(hex_file)), "a line of this HEX file is damaged"),
        (("--board", "uno_sim", __file__), "not a 32-bit ELF file"),
    ):
        command = [sys.executable, str(ROOT / "firmware" / SIM), "run", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert expected in done.stderr
