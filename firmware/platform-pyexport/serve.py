"""Serves the serial line of an emulated board on a TCP port, to one client at a time."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time

import emulator
from boards import Board, BoardError

_TICK_S = 0.5
_CHUNK = 4096
_MAX_PENDING = 1 << 16  # bytes for the board that are held before the client has to wait


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this port, 0 for any; raises BoardError if it is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise BoardError(
            f"port {port} is taken by another program ({error.strerror}); "
            "choose another: --upload-port socket://127.0.0.1:PORT"
        ) from error
    listener.listen(4)
    return listener


class Server:
    """One emulated board and at most one client of its serial line."""

    def __init__(self, board: Board, line: list[str], listener: socket.socket) -> None:
        self.board = board
        self.line = line
        self.listener = listener
        self.selector = selectors.DefaultSelector()
        self.client: socket.socket | None = None
        self.pending = b""  # from the client, not yet taken by the board
        self.last_use = time.monotonic()
        self.stopping = False
        self.reset_wanted = False
        self.child = self.power_on()
        self.selector.register(listener, selectors.EVENT_READ)

    def power_on(self) -> subprocess.Popen[bytes]:
        """Start the emulator and watch what it sends."""
        child = emulator.start(self.line, subprocess.PIPE, subprocess.PIPE)
        assert child.stdin is not None and child.stdout is not None
        os.set_blocking(child.stdin.fileno(), False)
        self.selector.register(child.stdout, selectors.EVENT_READ)
        return child

    def power_off(self) -> int:
        """Stop the emulator if it runs; return its exit status."""
        child = self.child
        assert child.stdin is not None and child.stdout is not None
        for stream in (child.stdin, child.stdout):
            if stream.fileno() in self.selector.get_map():
                self.selector.unregister(stream)
        if self.board.kind == "simavr":  # writes what its bootloader flashed
            child.terminate()
        else:
            child.kill()
        try:
            status = child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            status = child.wait()
        child.stdin.close()
        child.stdout.close()
        self.pending = b""
        return status

    def reset(self) -> None:
        """Do what the board's reset button does."""
        self.reset_wanted = False
        self.pending = b""
        if self.board.kind == "simavr":
            self.child.send_signal(signal.SIGUSR1)
        else:
            self.power_off()
            self.child = self.power_on()

    def hang_up(self) -> None:
        """Close the line to the client."""
        if self.client is not None:
            if self.client.fileno() in self.selector.get_map():
                self.selector.unregister(self.client)
            self.client.close()
            self.client = None

    def accept(self) -> None:
        """Take a client; a second one is turned away, as a serial port that is open does."""
        client, _ = self.listener.accept()
        if self.client is not None:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(5)
        self.client = client
        self.selector.register(client, selectors.EVENT_READ)
        if self.board.reset_on_connect:
            self.reset()

    def from_client(self) -> None:
        """Take bytes for the board."""
        assert self.client is not None
        try:
            data = self.client.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self.hang_up()
            return
        self.pending += data
        self.to_board()

    def to_board(self) -> None:
        """Give the board what it takes; the client waits while much is left."""
        stdin = self.child.stdin
        assert stdin is not None
        try:
            self.pending = self.pending[os.write(stdin.fileno(), self.pending) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.pending = b""
        watched = stdin.fileno() in self.selector.get_map()
        if self.pending and not watched:
            self.selector.register(stdin, selectors.EVENT_WRITE)
        elif not self.pending and watched:
            self.selector.unregister(stdin)

    def from_board(self) -> bool:
        """Pass on what the board sends, to nobody where no client is; False at the board's end."""
        assert self.child.stdout is not None
        data = os.read(self.child.stdout.fileno(), _CHUNK)
        if data and self.client is not None:
            try:
                self.client.sendall(data)
            except OSError:
                self.hang_up()
        return bool(data)

    def watch_client(self) -> None:
        """Read from the client only while there is room for it."""
        if self.client is None:
            return
        watched = self.client.fileno() in self.selector.get_map()
        room = len(self.pending) < _MAX_PENDING
        if room and not watched:
            self.selector.register(self.client, selectors.EVENT_READ)
        elif watched and not room:
            self.selector.unregister(self.client)

    def step(self) -> bool:
        """Handle what has come; False when the board has ended by itself."""
        for key, _ in self.selector.select(_TICK_S):
            if key.fileobj is self.listener:
                self.accept()
            elif key.fileobj is self.client:
                self.from_client()
            elif key.fileobj is self.child.stdin:
                self.to_board()
            elif key.fileobj is self.child.stdout and not self.from_board():
                return False
        if self.reset_wanted:
            self.reset()
        self.watch_client()
        return True


def alive(process: int) -> bool:
    """Return whether a process runs; 0 stands for one that always does."""
    try:
        os.kill(process, 0)  # 0 is our own process group
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def serve(board: Board, line: list[str], port: int, idle_s: float, owner: int) -> int:
    """Serve until told to stop, until the owner ends, or after idle_s without a client.

    Returns the board's exit status where it ended by itself, else 0. SIGUSR1 resets the board.
    """
    listener = listen(port)
    server = Server(board, line, listener)

    def on_stop(number: int, frame: object) -> None:
        server.stopping = True

    def on_reset(number: int, frame: object) -> None:
        server.reset_wanted = True

    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, on_stop)
    signal.signal(signal.SIGUSR1, on_reset)
    print(f"port {listener.getsockname()[1]}", flush=True)
    ended = False
    while not server.stopping and not ended:
        ended = not server.step()
        if server.client is not None:
            server.last_use = time.monotonic()
        if time.monotonic() - server.last_use > idle_s or not alive(owner):
            server.stopping = True
    server.hang_up()
    listener.close()
    status = server.power_off()
    if ended:
        print(f"{board.name}: the board ended with status {status}", file=sys.stderr)
        return status if status >= 0 else 128 - status
    return 0
