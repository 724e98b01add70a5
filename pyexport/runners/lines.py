"""Lines of bytes to a board: a serial port, or a TCP port where an emulated board has one."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

import serial
from serial.tools import list_ports

from pyexport.errors import LinkError, UsageError

BAUD = 115_200
_POLL = 0.05  # seconds that one read waits at most
_STUCK = 5.0  # seconds after which a line that takes no bytes counts as gone
_MOST = 1 << 16
_IN_USE = (errno.EWOULDBLOCK, errno.EBUSY)  # of a port that another program has locked


class Line(Protocol):
    """A line of bytes to a board."""

    def write(self, data: bytes) -> None:
        """Send all of `data`; raises LinkError if the line is gone."""

    def read(self, seconds: float) -> bytes:
        """Return what came, b"" if nothing did; waits for `seconds` at most, or for less."""

    def close(self) -> None:
        """Let go of the line."""


class SerialLine:
    """A serial port, or what else pyserial opens by a URL; nobody else may have it meanwhile."""

    def __init__(self, port: str) -> None:
        self._port = port
        with _opening(port):
            self._serial: Any = serial.serial_for_url(
                port, baudrate=BAUD, timeout=_POLL, write_timeout=_STUCK, exclusive=True
            )

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        with _using(self._port):
            self._serial.write(data)

    def read(self, seconds: float) -> bytes:
        """Return what came; waits for a moment only, because a change would set up the port."""
        del seconds
        with _using(self._port):
            data: bytes = self._serial.read(1)
            while data and len(data) < _MOST and (waiting := self._serial.in_waiting):
                data += self._serial.read(waiting)
            return data

    def close(self) -> None:
        """Close the port; one that is gone already is closed too."""
        with contextlib.suppress(serial.SerialException, OSError):
            self._serial.close()


class SocketLine:
    """A TCP port, given as socket://HOST:PORT."""

    def __init__(self, port: str) -> None:
        self._port = port
        with _opening(port):
            parts = urlsplit(port)
            if not parts.hostname or not parts.port or parts.path.strip("/") or parts.query:
                raise ValueError("it is not socket://HOST:PORT")
            self._socket = socket.create_connection((parts.hostname, parts.port), _STUCK)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        with _using(self._port):
            self._socket.settimeout(_STUCK)
            self._socket.sendall(data)

    def read(self, seconds: float) -> bytes:
        """Return what came, b"" if nothing did."""
        with _using(self._port):
            self._socket.settimeout(max(min(seconds, _POLL), 1e-3))  # 0 would mean not to wait
            try:
                data = self._socket.recv(_MOST)
            except TimeoutError:
                return b""
            if not data:
                raise ConnectionError("it was closed at the other end")
            return data

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def open_line(port: str) -> Line:
    """Return the line to a serial port or socket://HOST:PORT; raises UsageError if none is."""
    return SocketLine(port) if port.startswith("socket://") else SerialLine(port)


def serial_ports() -> tuple[tuple[str, str], ...]:
    """Return the serial ports of this computer and what the system says of each."""
    return tuple((port.device, port.description) for port in sorted(list_ports.comports()))


@contextlib.contextmanager
def _opening(port: str) -> Iterator[None]:
    try:
        yield
    except (serial.SerialException, OSError, ValueError) as error:
        if getattr(error, "errno", None) in _IN_USE:
            raise UsageError(
                f"{port}: the port cannot be opened, it is in use by another program; close that "
                "one and run again"
            ) from None
        raise UsageError(
            f"{port}: the port cannot be opened ({_reason(error)}); `pyexport board` lists "
            "the serial ports of this computer"
        ) from None


@contextlib.contextmanager
def _using(port: str) -> Iterator[None]:
    try:
        yield
    except (serial.SerialException, OSError) as error:
        raise LinkError(
            f"{port}: the line to the board is gone ({_reason(error)}); check the cable and run "
            "again"
        ) from None


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
