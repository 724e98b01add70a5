"""Asks a board over a serial line: every question ends with its answer or with a LinkError."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import serial
from serial.tools import list_ports

from pyexport.errors import LinkError, UsageError
from pyexport.runners.frames import FrameReader, encode_frame
from pyexport.runners.messages import (
    PROTOCOL,
    Answer,
    Ask,
    BoardInfo,
    Request,
    Status,
    is_tagged,
    read_answer,
    read_board_info,
)
from pyexport.runners.protocol import LinkCounts

BAUD = 115_200
PATIENCE = 10.0  # seconds that one question may take, all attempts together
_FIRST_WAIT = 0.5  # seconds until it is asked again; doubles while nothing is heard
_LONGEST_WAIT = 8.0
_POLL = 0.05  # seconds that one read waits at most
_AFTER_DAMAGE = 0.05  # seconds of quiet after a damaged frame: the answer was probably in it
_GONE: tuple[type[Exception], ...] = (serial.SerialException, OSError)


class Line(Protocol):
    """A line of bytes to a board."""

    def write(self, data: bytes) -> None:
        """Send all of `data`; raises LinkError if the line is gone."""

    def read(self, seconds: float) -> bytes:
        """Return what came, b"" if nothing did; waits for `seconds` at most, or for less."""

    def close(self) -> None:
        """Let go of the line."""


class SerialLine:
    """A serial port, or socket://HOST:PORT."""

    def __init__(self, port: str, baud: int = BAUD) -> None:
        self._port = port
        try:
            self._serial: Any = serial.serial_for_url(
                port, baudrate=baud, timeout=_POLL, write_timeout=5
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise UsageError(
                f"{port}: the port cannot be opened ({_reason(error)}); `pyexport board` lists "
                "the serial ports of this computer"
            ) from None

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        with self._gone():
            self._serial.write(data)

    def read(self, seconds: float) -> bytes:
        """Return what came, b"" if nothing did for a moment, which is no longer than `seconds`."""
        del seconds  # a moment is short; changing it would set up the port anew
        with self._gone():
            data: bytes = self._serial.read(1)
            while data and (waiting := self._serial.in_waiting):
                data += self._serial.read(waiting)
            return data

    def close(self) -> None:
        """Close the port; one that is gone already is closed too."""
        with contextlib.suppress(*_GONE):
            self._serial.close()

    @contextlib.contextmanager
    def _gone(self) -> Iterator[None]:
        try:
            yield
        except _GONE as error:
            raise LinkError(
                f"{self._port}: the line to the board is gone ({_reason(error)}); "
                "check the cable and run again"
            ) from None


def serial_ports() -> tuple[tuple[str, str], ...]:
    """Return the serial ports of this computer and what the system says of each."""
    return tuple((port.device, port.description) for port in sorted(list_ports.comports()))


class Link:
    """One board at the other end of a line; knows after `identify` which model it runs."""

    def __init__(
        self,
        line: Line,
        name: str,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.counts = LinkCounts()
        self._line = line
        self._patience = patience
        self._clock = clock
        self._reader = FrameReader()
        self._sequence = secrets.randbelow(1 << 16)
        self._identity: bytes | None = None
        self._slowest = 0.0  # seconds that an answer took at most

    def identify(self) -> BoardInfo:
        """Return what the board tells of itself; from then on only its model's answers count."""
        info = read_board_info(self.ask(Ask.IDENTIFY))
        self._identity = bytes.fromhex(info.identity)
        return info

    def ask(self, ask: Ask, body: bytes = b"") -> bytes:
        """Return the body of the answer; raises LinkError if there is none or it is a refusal."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        request = Request(ask, self._sequence, body)
        self.counts.asked += 1
        try:
            answer = self._answer(request)
            self._require_ok(answer, request)
        except LinkError:
            self.counts.failed += 1
            raise
        self.counts.answered += 1
        return answer.body

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def _answer(self, request: Request) -> Answer:
        frame = encode_frame(request.payload)
        started = self._clock()
        damaged, foreign = self.counts.damaged, self.counts.foreign
        wait = max(_FIRST_WAIT, 2 * self._slowest)
        attempts = 0
        while not attempts or self._clock() - started < self._patience:
            attempts += 1
            self.counts.resent += attempts > 1
            sent = self._clock()
            self._line.write(frame)
            answer, heard = self._listen(request, min(sent + wait, started + self._patience))
            if answer is not None:
                self._slowest = max(self._slowest, self._clock() - sent)
                return answer
            if not heard:
                wait = min(2 * wait, _LONGEST_WAIT)
        raise LinkError(
            self._silence(
                self._clock() - started,
                attempts,
                self.counts.damaged - damaged,
                self.counts.foreign - foreign,
            )
        )

    def _listen(self, request: Request, until: float) -> tuple[Answer | None, bool]:
        """Return the answer, or None and whether anything else was heard."""
        heard = False
        while (left := until - self._clock()) > 0:
            data = self._line.read(left)
            if not data:
                continue
            for payload in self._reader.feed(data):
                answer = read_answer(payload, request)
                if answer is None:
                    continue  # late, to a question that was answered or given up before
                if self._belongs(payload, request, answer):
                    self._note()
                    return answer, True
                self.counts.foreign += 1
            if self._note():
                heard = True
                until = min(until, self._clock() + _AFTER_DAMAGE)
        return None, heard

    def _note(self) -> bool:
        """Count what the reader dropped; return whether it dropped anything."""
        damaged, greetings = self._reader.dropped, self._reader.greetings
        self._reader.dropped = self._reader.greetings = 0
        self.counts.damaged += damaged
        if self._identity is not None:
            self.counts.restarts += greetings
        return bool(damaged or greetings)

    def _belongs(self, payload: bytes, request: Request, answer: Answer) -> bool:
        """Return whether the answer's tag is right; a board of another version may have none."""
        if answer.version != PROTOCOL:
            return True
        identity = self._identity
        if request.ask is Ask.IDENTIFY and answer.status == Status.OK:
            identity = bytes.fromhex(read_board_info(answer.body).identity)
        return identity is not None and is_tagged(payload, request, identity)

    def _require_ok(self, answer: Answer, request: Request) -> None:
        if answer.version != PROTOCOL or answer.status == Status.WRONG_VERSION:
            raise LinkError(
                f"{self.name}: the board speaks version {answer.version} of the link, this "
                f"pyexport version {PROTOCOL}; flash it with the firmware of this version"
            )
        if answer.status != Status.OK:
            known = {status.value: status.name.lower().replace("_", " ") for status in Status}
            what = known.get(answer.status, f"status {answer.status}")
            raise LinkError(
                f"{self.name}: the board refuses to {request.ask.name.lower()}: {what}; flash it "
                "with the firmware of this version"
            )

    def _silence(self, seconds: float, attempts: int, damaged: int, foreign: int) -> str:
        """Return why a question is given up."""
        begin = f"{self.name}: no answer in {seconds:.1f} s ({attempts} attempts)"
        if foreign:
            return f"{begin}: the board now runs another model; flash the right one and run again"
        if damaged:
            return (
                f"{begin}: {damaged} damaged frames came; check the cable, and that the port is "
                f"the board's and runs at {BAUD} baud"
            )
        if self.counts.answered:
            return f"{begin}: the board stopped answering; check cable and power and run again"
        return (
            f"{begin}: nothing was heard; is this the board's port, and is the pyexport firmware "
            "on it?"
        )


def open_link(port: str, *, baud: int = BAUD, patience: float = PATIENCE) -> Link:
    """Return a link to the board at a serial port or socket://HOST:PORT; nothing is asked yet."""
    if not patience > 0:
        raise UsageError(f"a patience of {patience:g} s lets no board answer; give more than 0")
    return Link(SerialLine(port, baud), port, patience=patience)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
