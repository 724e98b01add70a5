"""The firmware as a program of its own, whose serial line is a TCP port of this computer."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyexport.runners.compilers import compiler_for
from pyexport.targets import get_target
from scripts.link_simulator import FIRMWARE, LIBRARY, ROOT


def build_program(folder: Path, include: Path = FIRMWARE / "include", name: str = "tcp") -> Path:
    """Return the firmware as a program; `include` is where its model.h lies."""
    compiler = compiler_for(get_target("host"), None)
    includes = [f"-I{path}" for path in (include, LIBRARY, FIRMWARE / "src")]
    objects = []
    for source in sorted(LIBRARY.glob("*.c")):
        target = folder / f"{source.stem}.o"
        command = [*compiler.c, "-std=c99", "-O1", *includes, "-c", str(source), "-o", str(target)]
        subprocess.run(command, check=True)
        objects.append(str(target))
    sources = [str(FIRMWARE / "src" / "main.cpp"), str(ROOT / "tests" / "c" / "board_tcp.cpp")]
    flags = ["-std=c++11", "-O1", "-Wall", "-Wextra", "-Werror", f'-DBOARD_NAME="{name}"']
    program = folder / name
    command = [*compiler.cxx, *flags, *includes, *sources, *objects, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


@dataclass
class TcpBoard:
    """A board that runs."""

    process: subprocess.Popen[str]
    number: int  # of its TCP port

    @property
    def port(self) -> str:
        """What --port takes."""
        return f"socket://127.0.0.1:{self.number}"

    def power_off(self) -> None:
        """End the board at once, as pulling its cable does."""
        self.process.kill()
        self.process.wait()


@contextmanager
def cable(board: TcpBoard, answered: int = 1 << 30, bit_errors: float = 0.0) -> Iterator[str]:
    """A port that leads to the board until so many of its bytes came; then the cable is pulled.

    bit_errors: share of the bits that are inverted on their way.
    """
    random = np.random.default_rng(8)

    def damaged(data: bytes) -> bytes:
        bits = np.unpackbits(np.frombuffer(data, np.uint8))
        return np.packbits(bits ^ (random.random(len(bits)) < bit_errors)).tobytes()

    def forward(server: socket.socket) -> None:
        host, _ = server.accept()
        with host, socket.create_connection(("127.0.0.1", board.number)) as far:
            left = answered
            while left > 0:
                for ready in select.select([host, far], [], [])[0]:
                    data = ready.recv(4096)
                    if not data:
                        return
                    (far if ready is host else host).sendall(damaged(data))
                    left -= len(data) if ready is far else 0

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=forward, args=(server,))
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@contextmanager
def running(program: Path, port: int = 0) -> Iterator[TcpBoard]:
    """Run a board until the block ends; port 0 lets the system choose one."""
    process = subprocess.Popen(
        [str(program)],
        env=os.environ | {"BOARD_PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield TcpBoard(process, int(process.stdout.readline().split()[1]))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
