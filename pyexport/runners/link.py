"""Asks a board over a serial line: every question ends with its answer or with a LinkError."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from pyexport.errors import LinkError, UsageError
from pyexport.runners.frames import FrameReader, encode_frame
from pyexport.runners.lines import BAUD, Line, open_line
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

PATIENCE = 10.0  # seconds that one question may take, all attempts together
_FIRST_WAIT = 0.5  # seconds until it is asked again
_LONGEST_WAIT = 8.0
_AFTER_DAMAGE = 0.05  # seconds of quiet after a damaged frame: the answer was probably in it


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
        self._slowest: dict[Ask, float] = {}  # seconds that an answer took at most

    def identify(self) -> BoardInfo:
        """Return what the board tells of itself; from then on only its model's answers count."""
        info = read_board_info(self.ask(Ask.IDENTIFY))
        identity = bytes.fromhex(info.identity)
        if self._identity not in (None, identity):
            raise LinkError(
                f"{self.name}: the board now runs another model, {info.model}; flash the right one "
                "and run again"
            )
        if self._identity is None:
            self.counts = LinkCounts(asked=1, answered=1)  # a starting board's silence is no fault
        self._identity = identity
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
        end = started + self._patience
        damaged, foreign = self.counts.damaged, self.counts.foreign
        slowest = self._slowest.get(request.ask)
        wait = max(_FIRST_WAIT, 2 * (slowest or 0.0))
        attempts = 0
        while not attempts or self._clock() < end:
            attempts += 1
            self.counts.resent += attempts > 1
            sent = self._clock()
            self._line.write(frame)
            answer, heard = self._listen(request, min(sent + wait, end))
            if answer is not None:
                self._slowest[request.ask] = max(slowest or 0.0, self._clock() - sent)
                return answer
            if slowest is None and not heard:
                wait = min(2 * wait, _LONGEST_WAIT)  # who knows how long the board needs for it
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
        self.counts.restarts += greetings
        return bool(damaged or greetings)

    def _belongs(self, payload: bytes, request: Request, answer: Answer) -> bool:
        """Return whether the answer's tag is right; a board of another version may have none."""
        if answer.version != PROTOCOL:
            return True
        identity = self._identity
        if request.ask is Ask.IDENTIFY:
            if answer.status != Status.OK:
                return True  # whose tag this is cannot be known
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


def open_link(port: str, *, patience: float = PATIENCE) -> Link:
    """Return a link to the board at a serial port or socket://HOST:PORT; nothing is asked yet."""
    if not patience > 0:
        raise UsageError(f"a patience of {patience:g} s lets no board answer; give more than 0")
    return Link(open_line(port), port, patience=patience)
