"""What the frames of the link say: questions, answers, and what a board tells of itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from pyexport.errors import LinkError
from pyexport.runners.frames import crc32c

PROTOCOL = 2
ANSWER = 0x80

_HEAD = struct.Struct("<BBH")  # version, type, sequence
_TAG_BYTES = 4
_RAM_UNKNOWN = 0xFFFFFFFF
_DTYPES = {1: "u8", 2: "s8", 3: "f32", 4: "u16", 5: "s16"}
# dtypes, self-test, argmax; sizes of input, output and state; free RAM, clock, last cycles;
# requests, dropped, repeats; identity
_FACTS = struct.Struct("<BBBBIIIIIIIII32s")


class Ask(IntEnum):
    """Types of requests."""

    IDENTIFY = 1
    PREDICT = 2
    ARGMAX = 3
    SELFTEST = 4
    RESET = 5  # of a model with a state only


class Status(IntEnum):
    """First byte of an answer's body."""

    OK = 0
    UNKNOWN_TYPE = 1
    WRONG_LENGTH = 2
    WRONG_VERSION = 3


@dataclass(frozen=True)
class Request:
    """A question; the sequence number tells its answer from those to others."""

    ask: Ask
    sequence: int
    body: bytes = b""

    @property
    def payload(self) -> bytes:
        """The bytes that go into a frame."""
        return _HEAD.pack(PROTOCOL, self.ask, self.sequence) + self.body


@dataclass(frozen=True)
class Answer:
    """What a board said to one request."""

    version: int
    status: int
    body: bytes  # without status and tag


def read_answer(payload: bytes, request: Request) -> Answer | None:
    """Return a payload as the answer to a request; None if it answers another or none."""
    if len(payload) < _HEAD.size + 1 + _TAG_BYTES:
        return None
    version, kind, sequence = _HEAD.unpack_from(payload)
    if kind != request.ask | ANSWER or sequence != request.sequence:
        return None
    return Answer(version, payload[_HEAD.size], payload[_HEAD.size + 1 : -_TAG_BYTES])


def is_tagged(payload: bytes, request: Request, identity: bytes) -> bool:
    """Return whether an answer comes from this model and was made for this very request.

    The tag is a CRC-32C over identity, request and answer: it refuses what a board says that runs
    another model, and the damage that a frame's own CRC-32 lets through.
    """
    said = payload[:-_TAG_BYTES]
    tag = crc32c(said, crc32c(request.payload, crc32c(identity)))
    return struct.pack("<I", tag) == payload[-_TAG_BYTES:]


@dataclass(frozen=True)
class BoardInfo:
    """What a board tells of itself."""

    board: str  # "uno"
    model: str  # "digits"
    profile: str  # "PX1-q15x"
    exporter: str  # version of pyexport that made the header
    identity: str  # 64 hex digits
    input_dtype: str
    input_size: int
    output_dtype: str
    output_size: int
    state_bytes: int  # kept from step to step; 0: a prediction stands alone
    has_argmax: bool
    selftest: bool  # what the self-test said when the board started, or when last asked
    free_ram: int | None  # bytes never used since it started; None: it cannot tell
    clock_hz: int  # of its cycle counter; 0: it does not count cycles
    last_cycles: int  # of the last inference
    requests: int  # whole frames that it received since it started
    dropped: int  # damaged ones
    repeats: int  # predictions asked again and answered from memory


def read_board_info(body: bytes) -> BoardInfo:
    """Return what the body of an answer to IDENTIFY says; raises LinkError if it says nothing."""
    try:
        facts = _FACTS.unpack_from(body)
        texts = []
        at = _FACTS.size
        for _ in range(4):
            end = at + 1 + body[at]
            texts.append(body[at + 1 : end].decode("ascii"))
            at = end
        if at != len(body):
            raise ValueError(f"{len(body) - at} bytes too many or too few")
        model, profile, exporter, board = texts
        return BoardInfo(
            board=board,
            model=model,
            profile=profile,
            exporter=exporter,
            identity=facts[13].hex(),
            input_dtype=_DTYPES[facts[0]],
            input_size=facts[4],
            output_dtype=_DTYPES[facts[1]],
            output_size=facts[5],
            state_bytes=facts[6],
            has_argmax=bool(facts[3]),
            selftest=bool(facts[2]),
            free_ram=None if facts[7] == _RAM_UNKNOWN else facts[7],
            clock_hz=facts[8],
            last_cycles=facts[9],
            requests=facts[10],
            dropped=facts[11],
            repeats=facts[12],
        )
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise LinkError(f"a board's description of itself cannot be read ({error})") from None
